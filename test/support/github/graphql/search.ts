// GitHub's search for pull requests, as far as its qualifiers are known here.
import { Violation } from '../refusal.ts'
import { fullNameOf, type Pull, type Repository } from '../world.ts'

/** Open and closed pull requests that a search query names, most recently updated first unless it says otherwise. */
export function searchPulls(repositories: readonly Repository[], query: string): Pull[] {
  let sort = 'updated-desc'
  const scopes: ((repository: Repository) => boolean)[] = []
  const filters: ((pull: Pull) => boolean)[] = []
  for (const term of query.split(/\s+/).filter(Boolean)) {
    const [name = '', ...rest] = term.split(':')
    const value = rest.join(':').replaceAll('"', '')
    if (name === 'repo') scopes.push((one) => fullNameOf(one).toLowerCase() === value.toLowerCase())
    else if (name === 'org' || name === 'user')
      scopes.push((one) => one.owner.login.toLowerCase() === value.toLowerCase())
    else if (name === 'sort') sort = value
    else filters.push(filterOf(name, value, term))
  }
  const key = (pull: Pull) => (sort.startsWith('updated') ? pull.updatedAt : pull.createdAt).getTime()
  const found = repositories
    .filter((one) => scopes.length === 0 || scopes.some((covers) => covers(one)))
    .flatMap((one) => one.pulls)
    .filter((pull) => filters.every((matches) => matches(pull)))
    .toSorted((a, b) => key(a) - key(b))
  return sort.endsWith('asc') ? found : found.reverse()
}

function filterOf(name: string, value: string, term: string): (pull: Pull) => boolean {
  switch (name === 'state' || name === 'type' ? `is:${value}` : term) {
    case 'is:pr':
    case 'is:pull-request':
    case 'archived:false':
      return () => true
    case 'is:open':
      return (pull) => pull.state === 'open'
    case 'is:closed':
      return (pull) => pull.state === 'closed'
    case 'is:merged':
      return (pull) => pull.merged !== null
    case 'is:draft':
    case 'draft:true':
      return (pull) => pull.draft
    case 'draft:false':
      return (pull) => !pull.draft
  }
  if (name === 'author') return (pull) => pull.author.login === value
  if (name === 'head') return (pull) => pull.head.ref === value
  if (name === 'base') return (pull) => pull.base.ref === value
  if (name === 'updated') return dateFilter(value, (pull) => pull.updatedAt)
  if (name === 'created') return dateFilter(value, (pull) => pull.createdAt)
  throw new Violation(`the stand-in does not search by ${term}`)
}

function dateFilter(value: string, of: (pull: Pull) => Date): (pull: Pull) => boolean {
  const [, comparison, date] = /^(>=|>|<=|<)(\S+)$/.exec(value) ?? []
  const limit = new Date(date ?? '').getTime()
  if (Number.isNaN(limit)) throw new Violation(`the stand-in does not search by the date ${value}`)
  // GitHub compares whole seconds.
  const at = (pull: Pull) => Math.floor(of(pull).getTime() / 1000) * 1000
  if (comparison === '>=') return (pull) => at(pull) >= limit
  if (comparison === '>') return (pull) => at(pull) > limit
  if (comparison === '<=') return (pull) => at(pull) <= limit
  return (pull) => at(pull) < limit
}
