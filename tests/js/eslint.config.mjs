import js from "@eslint/js";
import globals from "globals";

const MAX_CLASS = 180; // lines

/** ESLint has no rule for the length of a class. */
const classLength = {
  create: (/** @type {import("eslint").Rule.RuleContext} */ context) => ({
    ClassBody(/** @type {import("estree").ClassBody} */ node) {
      const lines = node.loc ? node.loc.end.line - node.loc.start.line + 1 : 0;
      if (lines > MAX_CLASS) context.report({ node, message: `The class has ${lines} lines, more than ${MAX_CLASS}.` });
    },
  }),
};

export default [
  { ignores: ["**/vendor/", ".venv/", "var/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { nvr: { rules: { "class-length": classLength } } },
    rules: {
      eqeqeq: "error",
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", 40],
      "no-shadow": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "nvr/class-length": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["**/streaming/static/**"], languageOptions: { globals: globals.browser } },
  { files: ["tests/js/**", "bench/**"], languageOptions: { globals: globals.node } },
];
