import { expect, test } from 'vitest'
import { childLists, childName, SourceFile } from '#elixir'

test('keywords that end a tuple are one list, as Elixir reads them', () => {
  const source = `
    defmodule Shop.Application do
      def start(_type, _args) do
        children = [{Oban, repo: Shop.Repo, name: Shop.Oban}, {Registry, [keys: :unique, name: Shop.Carts]}]
        Supervisor.start_link(children, strategy: :one_for_one)
      end
    end
  `
  const file = SourceFile.read('lib/shop/application.ex', source)
  if (typeof file === 'string') throw new Error(file)
  const children = file.modules.flatMap(childLists).flatMap(({ segments }) => segments.flatMap((each) => each.children))

  expect(children.map(({ module }) => module)).toEqual(['Oban', 'Registry'])
  expect(children.map(({ argument }) => argument?.kind)).toEqual(['list', 'list'])
  expect(children.map((child) => childName(child)?.text)).toEqual(['Shop.Oban', 'Shop.Carts'])
})
