// Reads a list of questions, answers with a list: tokens that were signed, or verdicts.
import { readFileSync } from "node:fs";
import { SignJWT, jwtVerify } from "jose";

const answers = [];
for (const q of JSON.parse(readFileSync(0, "utf8"))) {
  const key = Buffer.from(q.key, "hex");
  if (q.claims) {
    answers.push({ token: await new SignJWT(q.claims).setProtectedHeader({ typ: "JWT", alg: q.alg }).sign(key) });
    continue;
  }
  try {
    const { payload } = await jwtVerify(q.token, key, { algorithms: ["HS256"], currentDate: new Date(q.now * 1000) });
    answers.push({ valid: true, claims: payload });
  } catch (e) {
    answers.push({ valid: false, why: String(e.message) });
  }
}
console.log(JSON.stringify(answers));
