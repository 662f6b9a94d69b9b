import { expect, it } from 'vitest'
import {
  COMMENTS_AFTER,
  conversationsDocument,
  editsDocument,
  GROUP_CONTEXT,
  HEAD_NOW,
  OPEN_HEADS,
  OPEN_PULLS,
  PULL_CONTEXT,
  textsDocument,
  THREADS_AFTER,
} from '../../src/github/documents.ts'
import { faultsOf } from './wire.ts'

it.each([
  ['the context of a pull request', PULL_CONTEXT],
  ['the context of a merge group', GROUP_CONTEXT],
  ['further review threads', THREADS_AFTER],
  ['further comments', COMMENTS_AFTER],
  ['several conversations', conversationsDocument(3)],
  ['heads of open pull requests', OPEN_HEADS],
  ['the present head', HEAD_NOW],
  ['open pull requests', OPEN_PULLS],
  ['one text', textsDocument(1)],
  ['150 texts', textsDocument(150)],
  ['resolved threads', editsDocument(2, 1, 2)],
  ['a new body', editsDocument(1, 0)],
  ['20 mutations', editsDocument(10, 10)],
])("%s is a document of GitHub's schema", (_, document) => {
  expect(faultsOf(document)).toEqual([])
})

it('a document that GitHub would refuse is noticed', () => {
  expect(faultsOf('query { viewer { nickname } }')).toHaveLength(1)
})
