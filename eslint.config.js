import tseslint from "typescript-eslint";

/** Budgets of CONTRIBUTING.md: a file fits in one reading, a function on one screen. */
const budgets = {
  "max-lines": ["error", { max: 300 }],
  "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
};

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "**/*.js"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...budgets,
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // It makes anything into anything: the compiler says nothing any more, where a check should.
      "no-restricted-syntax": [
        "error",
        {
          selector: 'TSAsExpression > TSAsExpression[typeAnnotation.type="TSUnknownKeyword"]',
          message: "No `as unknown as`: check what it is, by zod or a type guard.",
        },
      ],
      // An await-less async function is a promise-returning one by contract (hooks, handlers).
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    // A describe block is a list of cases, not a function that somebody has to hold in mind.
    files: ["**/*.test.ts", "**/*-cases.ts"],
    rules: { "max-lines-per-function": "off" },
  },
);
