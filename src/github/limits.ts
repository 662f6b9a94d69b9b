// The longest texts that GitHub takes. The texts are made to fit; this guards against a refusal.

/** Bodies, summaries and texts: 65,535 bytes are safe wherever GitHub counts characters, too. */
const LONGEST_TEXT = 65_535

/** Cuts on a character's border. */
export function withinLimit(text: string, bytes: number = LONGEST_TEXT): string {
  if (Buffer.byteLength(text) <= bytes) return text
  let cut = Buffer.from(text).subarray(0, bytes).toString()
  if (cut.endsWith('\uFFFD')) cut = cut.replace(/\uFFFD+$/, '')
  return cut
}
