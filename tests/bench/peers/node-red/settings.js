// Node-RED as the peer of the whole way: what a flow's author needs beside the flow, and nothing that costs.
const fs = require("fs");
const Ajv = require("ajv/dist/2020");

const ajv = new Ajv();
require("ajv-formats")(ajv);

module.exports = {
    uiHost: "127.0.0.1",
    uiPort: Number(process.env.BENCH_PORT),
    httpAdminRoot: false,
    flowFile: process.env.BENCH_FLOW,
    credentialSecret: false,
    apiMaxLength: "16mb",
    logging: { console: { level: "warn" } },
    // Compiled once, not in each message.
    functionGlobalContext: { fits: ajv.compile(JSON.parse(fs.readFileSync(process.env.BENCH_SCHEMA))) },
};
