// Everything about lines that a change added, removed or moved. Knows text and patches; nothing of Elixir, findings or GitHub.
export { diffTexts } from './diff-texts.ts'
export { indexHunks } from './file-diff.ts'
export type { FileDiff } from './file-diff.ts'
export { splitLines } from './lines.ts'
export { PatchError, parsePatch } from './patch.ts'
export type { Hunk } from './patch.ts'
export { fits, rebuildBase } from './rebuild-base.ts'
