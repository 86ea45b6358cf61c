// One ES module, which listeners/page_routes.py serves to the page of the meeting.

export default {
  build: {
    target: "es2022",
    rolldownOptions: {
      input: "src/acs_client.ts",
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "acs_client.js" },
    },
  },
};
