// ajv as the peer of the verdict: JSON.parse and a compiled schema, in one thread.
//
//     node verdicts.js CORPUS SCHEMA
//
// For each line that comes in, all records are judged once.
const fs = require("fs");
const readline = require("readline");
const Ajv = require("ajv/dist/2020");

const [corpus, schema] = process.argv.slice(2);
const ajv = new Ajv();
require("ajv-formats")(ajv);
const fits = ajv.compile(JSON.parse(fs.readFileSync(schema)));
// As a server gets them: each record its own text.
const records = fs.readFileSync(corpus, "utf8").split("\n").filter((line) => line !== "").map((line) => Buffer.from(line));

function judge() {
    let accepted = 0;
    for (const record of records) {
        if (fits(JSON.parse(record.toString()))) accepted += 1;
    }
    return accepted;
}

judge();
console.log("ready");
readline.createInterface({ input: process.stdin }).on("line", () => {
    const cpu = process.cpuUsage();
    const wall = process.hrtime.bigint();
    const accepted = judge();
    const { user, system } = process.cpuUsage(cpu);
    const wall_s = Number(process.hrtime.bigint() - wall) / 1e9;
    console.log(JSON.stringify({ accepted, quarantined: records.length - accepted, cpu_s: (user + system) / 1e6, wall_s }));
});
