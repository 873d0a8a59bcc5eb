// Counts records by key and keeps the sum as its state; fails on a negative number, as a defect would.
export const transform = {
  apply: (now, groups) =>
    groups.map(({ key, state, records }) => {
      let sum = state ? JSON.parse(new TextDecoder().decode(state)) : 0;
      const rejects = [];
      for (const { n } of records) {
        if (n < 0) throw new RangeError('n is negative');
        if (Number.isInteger(n)) sum += n;
        else rejects.push({ bytes: JSON.stringify({ n }), reason: 'n is no whole number' });
      }
      return { key, outputs: [{ port: 'values', records: [{ key, sum, now }] }], rejects, state: JSON.stringify(sum) };
    }),
};
