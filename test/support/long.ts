/** LIMPET_LONG=1: suites of which `npm test` runs a short form run as long as they were made to be. */
export const long = process.env.LIMPET_LONG === '1';
