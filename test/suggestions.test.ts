import { describe, expect, test } from 'vitest'
import { readProject } from '#elixir'
import { rules } from '#rules'
import { casesOf, examplesOf, report } from './support/cases.ts'
import { suggestionComplaints } from './support/suggestion-proof.ts'

const suggestions = rules.flatMap((rule) =>
  [...examplesOf(rule), ...casesOf(rule)].flatMap((each) =>
    each.sources.flatMap((source) =>
      report([rule], each, source)
        .findings.filter(({ edit }) => edit !== null)
        .map((finding) => ({
          name: `${rule.id}: ${each.name}, line ${finding.range.startLine + source.linesAbove}`,
          input: { path: source.path, source: source.text, project: readProject(each.projectFiles, source.path) },
          finding,
        })),
    ),
  ),
)

describe('every suggestion can be taken with one click', () => {
  test.each(suggestions)('$name', ({ input, finding }) => {
    expect(suggestionComplaints(input, finding, rules)).toEqual([])
  })
})
