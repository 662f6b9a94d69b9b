import { describe, expect, test } from 'vitest'
import { isCallByHand, waitingIn } from '#elixir'
import { clauseWith } from './read-source.ts'

/** What a body waits for, as `wait name`. */
function waits(body: string, above = ''): string[] {
  return waitingIn(clauseWith(body, above)).map(({ wait, name }) => `${wait} ${name}`)
}

describe('calls that wait', () => {
  test.each([
    ['Req.get!(url)', 'http Req.get!'],
    ['url |> HTTPoison.post(body)', 'http HTTPoison.post'],
    ['Tesla.get!(client, "/")', 'http Tesla.get!'],
    ['Finch.request(request, Shop.Finch)', 'http Finch.request'],
    [':httpc.request(:get, {url, []}, [], [])', 'http :httpc.request'],
    ['Mint.HTTP.connect(:https, host, 443)', 'socket Mint.HTTP.connect'],
    [':gen_tcp.connect(host, 80, [])', 'socket :gen_tcp.connect'],
    ['System.cmd("ls", [])', 'command System.cmd'],
    [':erpc.call(node, M, :f, [])', 'rpc :erpc.call'],
    ['Task.await(task)', 'await Task.await'],
    ['Process.sleep(10)', 'sleep Process.sleep'],
    ['Shop.Repo.all(query)', 'database Shop.Repo.all'],
    ['Repo.transaction(fn -> :ok end)', 'database Repo.transaction'],
  ])('%s', (body, expected) => {
    expect(waits(body)).toEqual([expected])
  })

  test('an import and an alias are seen through', () => {
    expect(waits('await(task)', 'import Task')).toEqual(['await Task.await'])
    expect(waits('R.get!(url)', 'alias Req, as: R')).toEqual(['http Req.get!'])
    expect(waits('Req.get!(url)', 'alias Shop.Http.Req')).toEqual([])
  })

  test.each([
    'Req.new(url: url)',
    'Process.sleep(0)',
    'System.cmd("kill", [pid])',
    'System.cmd("date", ["-u"])',
    ':httpc.request(:get, {url, []}, [], async())',
    'Process.sleep(:infinity)',
    'Task.yield(task, 0)',
    'Task.yield_many(tasks, timeout: 0)',
    'HTTPoison.get(url, [], stream_to: self())',
    ':httpc.request(:get, {url, []}, [], sync: false)',
    ':hackney.request(:get, url, [], "", [:async])',
    ':gen_tcp.connect({:local, path}, 0, [])',
    ':rpc.call(node(), M, :f, [])',
    'Shop.Repo.config()',
    'Shop.Repository.all(query)',
  ])('%s does not', (body) => {
    expect(waits(body, 'defp async, do: [sync: false]')).toEqual([])
  })
})

describe('other code that waits', () => {
  test('a captured function, where it runs here', () => {
    expect(waits('Enum.map(urls, &Req.get!/1)')).toEqual(['http Req.get!'])
    expect(waits('Task.async_stream(urls, &Req.get!/1)')).toEqual([])
    expect(waits('{:ok, &Req.get!/1}')).toEqual([])
    expect(waits('%{get: Keyword.get(opts, :get, &Req.get!/1)}')).toEqual([])
  })

  test('a closure, where it runs here', () => {
    expect(waits('Enum.map(urls, fn url -> Req.get!(url) end)')).toEqual(['http Req.get!'])
    expect(waits('Task.async(fn -> Req.get!(url) end)')).toEqual([])
    expect(waits('Shop.Poller.start_link(fn -> Req.get!(url) end)')).toEqual([])
    expect(waits('Ecto.Multi.run(multi, :get, fn _, _ -> Req.get(url) end)')).toEqual([])
    expect(waits('multi |> Ecto.Multi.run(:get, fn _, _ -> Req.get(url) end) |> Shop.Db.transaction()')).toEqual([
      'http Req.get',
    ])
  })

  test('a stream of tasks once something runs it', () => {
    expect(waits('ids |> Task.async_stream(&f/1) |> Enum.to_list()')).toEqual(['stream Task.async_stream'])
    expect(waits('ids |> Task.async_stream(&f/1) |> Stream.map(&g/1) |> Stream.run()')).toEqual([
      'stream Task.async_stream',
    ])
    expect(waits('for {:ok, x} <- Task.async_stream(ids, &f/1), do: x')).toEqual(['stream Task.async_stream'])
    expect(waits('stream = Task.async_stream(ids, &f/1)\nEnum.map(stream, &g/1)')).toEqual(['stream Task.async_stream'])
    expect(waits('Task.async_stream(ids, &f/1)')).toEqual([])
    expect(waits('stream = Task.async_stream(ids, &f/1)\n{:ok, stream}')).toEqual([])
    expect(waits('urls |> Stream.map(&Req.get!/1) |> Stream.filter(&f/1) |> Enum.to_list()')).toEqual(['http Req.get!'])
    expect(waits('urls |> Stream.map(&Req.get!/1)')).toEqual([])
    expect(waits('pids |> Task.async_stream(fn pid -> send(pid, :go) end) |> Stream.run()')).toEqual([])
  })

  test('a receive, unless it takes what is there', () => {
    expect(waits('receive do\n  :a -> :ok\nend')).toEqual(['receive receive'])
    expect(waits('receive do\n  :a -> :ok\nafter\n  100 -> :no\nend')).toEqual(['receive receive'])
    expect(waits('receive do\nafter\n  100 -> :ok\nend')).toEqual(['sleep receive'])
    expect(waits('receive do\n  :a -> :ok\nafter\n  0 -> :no\nend')).toEqual([])
    expect(waits('if Process.cancel_timer(t) == false do\n  receive do\n    :a -> :ok\n  end\nend')).toEqual([])
  })

  test('the place is the call without what is piped into it, and the first line of a receive', () => {
    const [call, receive] = waitingIn(clauseWith('url\n|> Req.get!()\n\nreceive do\n  :a -> :ok\nend'))

    expect(call?.at).toMatchObject({ startLine: 5, endLine: 5, startColumn: 4 })
    expect(receive?.at).toMatchObject({ startLine: 7, endLine: 7, startColumn: 1, endColumn: 8 })
  })
})

test.each([
  ['{^ref, answer} -> answer', '5_000', true],
  ['{^ref, {:ok, answer}} -> answer', 'timeout', true],
  ['{^ref, answer} -> answer', ':infinity', false],
  ['{^port, {:data, text}} -> text', '5_000', false],
  ['{:answer, answer} -> answer', '5_000', false],
])('whether a receive of `%s` is a call made by hand, after %s: %s', (branch, limit, expected) => {
  const [receive] = waitingIn(clauseWith(`receive do\n  ${branch}\nafter\n  ${limit} -> nil\nend`))

  expect(receive?.expression.kind === 'receive' && isCallByHand(receive.expression)).toBe(expected)
})
