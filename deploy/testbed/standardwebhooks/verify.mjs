// Reads a list of messages, answers with a list: why each is not genuine, or nothing.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const answers = [];
for (const m of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    new Webhook(m.secret).verify(m.body, m.headers, { jsonParse: false });
    answers.push("");
  } catch (e) {
    answers.push(String(e.message));
  }
}
console.log(JSON.stringify(answers));
