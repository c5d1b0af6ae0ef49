import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2023, globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "What frames say is text, never markup." },
        { property: "outerHTML", message: "What frames say is text, never markup." },
      ],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
