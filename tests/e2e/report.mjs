// One line a check, and the answers of RFC 6750 §3.1 that a check may want.
import assert from 'node:assert/strict';

export const outcome = { passed: 0, failed: 0 };

export async function check(sentence, body) {
  try {
    const remark = await body();
    outcome.passed += 1;
    console.log(`ok    ${sentence}${remark ? ` (${remark})` : ''}`);
  } catch (error) {
    outcome.failed += 1;
    console.log(`FAIL  ${sentence}\n      ${String(error.message).replaceAll('\n', '\n      ')}`);
  }
}

/** A comparison that shows the whole answer when it fails. */
function answers(answer, status, wanted) {
  const shown = `answered ${JSON.stringify(answer)}`;
  assert.equal(answer.status, status, shown);
  if (wanted) assert.ok(wanted(answer), shown);
}

export const isAccepted = (answer) => answers(answer, 200);
export const isRefused = (answer) => answers(answer, 401,
  ({ challenge }) => challenge?.scheme === 'Bearer' && challenge.error === 'invalid_token');
export const isAskedForToken = (answer) => answers(answer, 401,
  ({ challenge }) => challenge?.scheme === 'Bearer' && Object.keys(challenge).length > 1 && !('error' in challenge));
export const isForbidden = (answer, scope) => answers(answer, 403,
  ({ challenge }) => challenge?.scheme === 'Bearer' && challenge.error === 'insufficient_scope'
    && challenge.scope?.split(' ').includes(scope));
export const isUnavailable = (answer) => answers(answer, 503,
  ({ challenge, retryAfter }) => /^[1-9]\d*$/.test(retryAfter ?? '') && !challenge?.error);

/** A logout request that was not carried out (OpenID Connect Back-Channel Logout 1.0 §2.8). */
export const isNoLogout = (answer) => answers(answer, 400,
  ({ cached, body }) => cached === 'no-store' && JSON.parse(body).error === 'invalid_request');
