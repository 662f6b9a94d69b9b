import { describe, expect, test } from 'vitest'
import { rules } from '#rules'
import { casesOf, complaints, examplesOf } from './support/cases.ts'

describe.each(rules.map((rule) => ({ id: rule.id, rule })))('$id', ({ rule }) => {
  test.each([...examplesOf(rule), ...casesOf(rule)].map((each) => ({ name: each.name, each })))('$name', ({ each }) => {
    expect(complaints(rule, each)).toEqual([])
  })
})
