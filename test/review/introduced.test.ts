import { describe, expect, test } from 'vitest'
import type { FileReport, Finding } from '#engine'
import { baseFiles, missingBases, traceChanges, withBases } from '../../src/review/bases.ts'
import { findIntroduced } from '../../src/review/introduced.ts'
import { changedFile, fileReport, finding, lines, snapshot } from '../support/builders.ts'

interface Texts {
  base: string | null
  head: string | null
  previousPath?: string
}

/** `rule line` of everything that the change of these files introduces, over rules that this file can read by line. */
function introduced(files: Record<string, Texts>): string[] {
  const changed = Object.entries(files).map(([path, texts]) => changedFile({ path, ...texts }))
  const whole = withBases(snapshot({ files: changed }), new Map())
  const head = changed.flatMap(({ path, source }) => (source === null ? [] : [scan(path, source)]))
  const base = baseFiles(whole).map(({ path, source }) => scan(path, source))

  expect(missingBases(whole)).toEqual([])
  return findIntroduced(head, base, whole.files, traceChanges(whole.files)).map(
    ({ rule, path, range }) => `${rule} ${path}:${range.startLine}`,
  )
}

/**
 * Two rules of a kind. `sleep`: each `Process.sleep` is a finding. `no-info`: a `Task.async_nolink` in a module without
 * `handle_info` is one, so adding the call makes it true, and so does deleting the clause.
 */
function scan(path: string, source: string): FileReport {
  const texts = source.split(/\r?\n/)
  const findings: Finding[] = []
  let module = { name: '', startLine: 1, endLine: texts.length }
  let clause = { name: '', text: '' }

  for (const [at, text] of texts.entries()) {
    const [, defmodule] = /^ *defmodule ([\w.]+)/.exec(text) ?? []
    if (defmodule !== undefined)
      module = { name: defmodule, startLine: at + 1, endLine: at + texts.slice(at).indexOf('end') + 1 }
    const [, def] = /^ *defp? (\w+)/.exec(text) ?? []
    if (def !== undefined) clause = { name: def, text: texts.slice(at, at + texts.slice(at).indexOf('  end')).join('') }

    const rule = text.includes('Process.sleep(') ? 'sleep' : text.includes('Task.async_nolink(') ? 'no-info' : null
    const body = texts.slice(module.startLine - 1, module.endLine)
    if (rule === null || (rule === 'no-info' && body.some((line) => line.includes('def handle_info')))) continue
    const place = { rule, module: module.name, function: clause.name }
    findings.push(
      finding({
        ...place,
        line: at + 1,
        scope: lines(module.startLine, module.endLine),
        fingerprint: [...Object.values(place), text.replaceAll(/[ ,]/g, '')].join(' '),
        clauseFingerprint: [rule, clause.text.replaceAll(/[ ,]/g, '')].join(' '),
      }),
    )
  }
  return fileReport(path, findings)
}

const stock = `defmodule Shop.Stock do
  use GenServer

  def handle_call({:reserve, sku}, _from, state) do
    Process.sleep(100)
    {:reply, :ok, reserve(state, sku)}
  end

  def handle_call({:release, sku}, _from, state) do
    Process.sleep(250)
    {:reply, :ok, release(state, sku)}
  end

  defp reserve(state, sku) do
    Map.update(state, sku, 1, &(&1 + 1))
  end
end
`

const importer = `defmodule Shop.Import do
  use GenServer

  def handle_cast({:import, file}, state) do
    task = Task.async_nolink(Shop.Tasks, fn -> read(file) end)
    {:noreply, Map.put(state, task.ref, file)}
  end

  def handle_info({ref, rows}, state) do
    {:noreply, Map.put(state, ref, rows)}
  end

  def handle_call(:rows, _from, state) do
    {:reply, state, state}
  end
end
`
const withoutInfo = importer.replace(/  def handle_info[^]*?\n  end\n\n/, '')

describe('told once', () => {
  test('code in a new file', () => {
    expect(introduced({ 'lib/stock.ex': { base: null, head: stock } })).toEqual([
      'sleep lib/stock.ex:5',
      'sleep lib/stock.ex:10',
    ])
  })

  test('a line that was added to an old function', () => {
    const base = stock.replace('    Process.sleep(250)\n', '')

    expect(introduced({ 'lib/stock.ex': { base, head: stock } })).toEqual(['sleep lib/stock.ex:10'])
  })

  test('the second of two equal lines, when only it was added', () => {
    const head = stock.replace(
      '    Process.sleep(100)\n',
      '    Process.sleep(100)\n    log(sku)\n    Process.sleep(100)\n',
    )

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual(['sleep lib/stock.ex:7'])
  })

  test('the first of two equal lines, when only it was added', () => {
    const head = stock.replace(
      '    Process.sleep(100)\n',
      '    Process.sleep(100)\n    log(sku)\n    Process.sleep(100)\n',
    )
    const base = head.replace('    Process.sleep(100)\n    log', '    log')

    expect(introduced({ 'lib/stock.ex': { base, head } })).toEqual(['sleep lib/stock.ex:5'])
  })

  test('a clause whose deletion made another line wrong', () => {
    expect(introduced({ 'lib/import.ex': { base: importer, head: withoutInfo } })).toEqual(['no-info lib/import.ex:5'])
  })

  test('a clause that something else took the place of', () => {
    const head = importer.replace('def handle_info({ref, rows}, state)', 'def handle_rows({ref, rows}, state)')

    expect(introduced({ 'lib/import.ex': { base: importer, head } })).toEqual(['no-info lib/import.ex:5'])
  })

  test('a new offence in a file that is renamed at the same time', () => {
    const base = stock.replace('    Process.sleep(250)\n', '')

    expect(introduced({ 'lib/shop/stock.ex': { base, head: stock, previousPath: 'lib/stock.ex' } })).toEqual([
      'sleep lib/shop/stock.ex:10',
    ])
  })

  test('a copy of a function within its file', () => {
    const clause = /  def handle_call\({:reserve[^]*?\n  end\n\n/.exec(stock)?.[0] ?? ''
    const head = stock.replace(clause, clause + clause.replace(':reserve', ':reserve_all'))

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual(['sleep lib/stock.ex:10'])
  })
})

describe('silent', () => {
  test('a change beside an old sin', () => {
    const head = stock.replace('{:reply, :ok, reserve(state, sku)}', '{:reply, {:ok, sku}, reserve(state, sku)}')

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual([])
  })

  test('a reformatted file', () => {
    const head = stock
      .replaceAll('{:reply, :ok, ', '{:reply,\n     :ok,\n     ')
      .replaceAll('Process.sleep(100)', 'Process.sleep( 100 )')
      .replace('use GenServer\n', 'use GenServer\n\n  @doc false\n')

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual([])
  })

  test('other line ends', () => {
    expect(introduced({ 'lib/stock.ex': { base: stock, head: stock.replaceAll('\n', '\r\n') } })).toEqual([])
  })

  test('other indentation', () => {
    const head = stock.replaceAll('\n  def', '\n\n  def').replaceAll('    Process', '      Process')

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual([])
  })

  test('functions that changed places', () => {
    const [reserve = '', release = ''] = stock.match(/  def handle_call[^]*?\n  end\n\n/g) ?? []
    const head = stock.replace(reserve + release, release + reserve)

    expect(introduced({ 'lib/stock.ex': { base: stock, head } })).toEqual([])
  })

  test('a renamed file, with and without a patch', () => {
    expect(introduced({ 'lib/shop/stock.ex': { base: stock, head: stock, previousPath: 'lib/stock.ex' } })).toEqual([])

    const head = stock.replace('use GenServer', 'use GenServer, restart: :transient')
    expect(introduced({ 'lib/shop/stock.ex': { base: stock, head, previousPath: 'lib/stock.ex' } })).toEqual([])
  })

  test('a renamed module in a renamed file', () => {
    const head = stock
      .replace('Shop.Stock', 'Shop.Warehouse.Stock')
      .replace('    Process.sleep(100)', '     Process.sleep(100)')

    expect(introduced({ 'lib/warehouse/stock.ex': { base: stock, head, previousPath: 'lib/stock.ex' } })).toEqual([])
  })

  test('a file split in two, one half under another name', () => {
    const release = /  def handle_call\({:release[^]*?\n  end\n\n/.exec(stock)?.[0] ?? ''
    const files = {
      'lib/stock.ex': { base: stock, head: stock.replace(release, '') },
      'lib/release.ex': {
        base: null,
        head: `defmodule Shop.Release do\n  use GenServer\n\n${release.trimEnd()}\nend\n`,
      },
    }

    expect(introduced(files)).toEqual([])
  })

  test('a removed file whose code stands in a new one', () => {
    const files = {
      'lib/old.ex': { base: stock, head: null },
      'lib/new.ex': { base: null, head: stock.replace('use GenServer', 'use GenServer, restart: :temporary') },
    }

    expect(introduced(files)).toEqual([])
  })

  test('a module moved to another file while one of its clauses was edited', () => {
    const files = {
      'lib/old.ex': { base: stock, head: null },
      'lib/new.ex': { base: null, head: stock.replace('{:reply, :ok, reserve', '{:reply, :done, reserve') },
    }

    expect(introduced(files)).toEqual([])
  })

  test('an edited offence that stands alone in its function', () => {
    const base = importer.replace('    {:reply, state, state}', '    Process.sleep(100)\n    {:reply, state, state}')
    const head = base.replace('sleep(100)', 'sleep(5_000)')

    expect(introduced({ 'lib/import.ex': { base, head } })).toEqual([])
  })

  test('a deletion in another module of the file', () => {
    const other = 'defmodule Shop.Other do\n  def unused do\n    :ok\n  end\nend\n'

    expect(introduced({ 'lib/import.ex': { base: withoutInfo + other, head: withoutInfo } })).toEqual([])
  })

  test('a finding on lines that were neither added nor near a deletion', () => {
    const file = changedFile({ path: 'lib/a.ex', base: 'a\nb\nc\n', head: 'a\nb\nc\nd\n' })
    const { files } = withBases(snapshot({ files: [file] }), new Map())
    const head = [fileReport('lib/a.ex', [finding({ line: 2 })])]

    expect(findIntroduced(head, [], files, traceChanges(files))).toEqual([])
  })
})

test('lines deleted inside the scope of a finding count, those around it do not', () => {
  const texts = { base: '1\n2\n3\n4\n5\n', head: '1\n2\n4\n5\n' }
  const { files } = withBases(snapshot({ files: [changedFile({ path: 'lib/a.ex', ...texts })] }), new Map())
  const isIntroduced = (startLine: number, endLine: number) => {
    const found = finding({ line: startLine, scope: lines(startLine, endLine) })
    return findIntroduced([fileReport('lib/a.ex', [found])], [], files, traceChanges(files)).length === 1
  }

  expect([isIntroduced(1, 4), isIntroduced(2, 3)]).toEqual([true, true])
  expect([isIntroduced(1, 2), isIntroduced(3, 4), isIntroduced(4, 4)]).toEqual([false, false, false])
})

describe('suppressed findings', () => {
  const file = changedFile({ path: 'lib/a.ex', base: 'a\n', head: 'a\nb\n' })
  const { files } = withBases(snapshot({ files: [file] }), new Map())
  const changeOf = traceChanges(files)
  const suppressed = finding({ line: 2, suppressed: { line: 2, reason: 'legacy' } })

  test('are introduced like others, and stay suppressed', () => {
    const found = findIntroduced([fileReport('lib/a.ex', [suppressed])], [], files, changeOf)

    expect(found).toMatchObject([{ suppressed: { reason: 'legacy' } }])
  })

  test('are partners too: taking the suppression away makes no old finding new', () => {
    const base = [fileReport('lib/a.ex', [{ ...suppressed, range: lines(1) }])]

    expect(findIntroduced([fileReport('lib/a.ex', [finding({ line: 2 })])], base, files, changeOf)).toEqual([])
  })
})

describe('a file whose earlier version', () => {
  const file = changedFile({ path: 'lib/a.ex', base: 'a\n', head: 'a\nb\n', patch: null })
  const head = [fileReport('lib/a.ex', [finding({ line: 2 })])]

  test('could not be read is not judged', () => {
    const { files } = withBases(snapshot({ files: [file] }), new Map())

    expect(findIntroduced(head, [], files, traceChanges(files))).toEqual([])
  })

  test('could not be analysed is not judged', () => {
    const { files } = withBases(snapshot({ files: [file] }), new Map([['lib/a.ex', 'a\n']]))
    const base = [fileReport('lib/a.ex', [], { outcome: 'failed', reason: 'time limit' })]

    expect(findIntroduced(head, base, files, traceChanges(files))).toEqual([])
    expect(findIntroduced(head, [fileReport('lib/a.ex')], files, traceChanges(files))).toHaveLength(1)
  })
})
