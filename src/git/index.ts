// The same snapshot from a local clone: everything outside this folder reads git through these names.
export { authorsOf } from './blame.ts'
export { findClone, listFiles, readWorkingFile } from './clone.ts'
export { GitError } from './run.ts'
export { mainLine, projectFilesAbove, readBases, readCommit, readWorkingTree } from './snapshot.ts'
