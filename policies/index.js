// Pulumi loads a pack by `require`, whose hooks for TypeScript stop at modules: from here on Node itself loads them.
import "./pack.ts";
