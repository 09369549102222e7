/** Version of the product, as the worker says it; a test holds it to package.json, which no bundle contains. */
export const VERSION = "0.1.0";
