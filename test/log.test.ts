import { expect, test } from 'vitest'
import { describeError } from '../src/log.ts'

test('an error is logged with its chain, and without the request and the answer it carries', () => {
  const answer = Object.assign(new Error('Not Found'), {
    name: 'HttpError',
    status: 404,
    request: { headers: { authorization: 'token ghs_secret' } },
    response: { data: 'defmodule Secret do' },
  })
  const error = new Error('gone', { cause: answer })

  const described = describeError(error)

  expect(described).toMatchObject({
    type: 'Error',
    message: 'gone',
    cause: { type: 'HttpError', message: 'Not Found', status: 404 },
  })
  expect(JSON.stringify(described)).not.toMatch(/secret/i)
})

test('whatever is thrown can be logged', () => {
  expect(describeError('just text')).toEqual({ type: 'string', message: 'just text' })
  expect(describeError(undefined)).toEqual({ type: 'undefined', message: 'undefined' })
})
