import { expect, test } from 'vitest'
import { lineHasher } from '../../src/output/line-hash.ts'

const GREETINGS = ['e9496ae3ebfced30:1', 'fb7c023a8b9ccb3f:1', 'ce8ba1a563dcdaca:1', 'e20e36e16fcb0cc8:1']

// The hashes are what github/codeql-action gives.
test.for([
  ['an empty file', '', ['c129715d7a2bc9a3:1']],
  [
    'blanks',
    ' a\nb\n  \t\tc\n d',
    ['271789c17abda88f:1', '54703d4cd895b18:1', '180aee12dab6264:1', 'a23a3dc5e078b07b:1'],
  ],
  ['empty lines', ' hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n', GREETINGS],
  ['line ends of Windows', ' hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n', GREETINGS],
  ['mixed line ends', ' hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n', GREETINGS],
  [
    'lines that begin alike',
    'Lorem ipsum dolor sit amet.\n'.repeat(10),
    ['a7f2ff13bc495cf2:1', 'a7f2ff13bc495cf2:2', 'a7f2ff13bc495cf2:3', 'a7f2ff13bc495cf2:4'],
  ],
] as const)('%s: the hashes that GitHub knows', ([, text, hashes]) => {
  const hashOf = lineHasher(text)

  expect(hashes.map((_, index) => hashOf(index + 1))).toEqual(hashes)
})
