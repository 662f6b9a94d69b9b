// What happens to accounts and repositories over the years, for the stand-in GitHub: they are renamed, moved, taken away.
import type { RepositoryHandle, StandIn } from './github/index.ts'
import { createWriter } from './github/json.ts'
import type { Installation, Repository } from './github/world.ts'

/** Takes a repository out of those that the app was given. */
export async function takeAway(github: StandIn, { home }: RepositoryHandle): Promise<void> {
  const installation = github.installation(home.owner.login)
  if (installation.repositories === 'all') throw new Error('the app was given all of them')
  installation.repositories.delete(home)
  await announceRemoved(github, installation, home)
}

/** Moves a repository to another account; the old name leads to the new one. */
export async function transfer(github: StandIn, { home }: RepositoryHandle, to: string): Promise<void> {
  const { world } = github
  const from = github.installation(home.owner.login)
  if (from.repositories !== 'all') from.repositories.delete(home)
  world.rename(home, world.organization(to), home.name)
  const target = world.installations.find(({ account }) => account.login === to)
  if (target && target.repositories !== 'all') target.repositories.add(home)
  await announceRemoved(github, from, home)
}

/** Gives an account another name; all its repositories are found under the old one, too. */
export async function renameAccount(github: StandIn, from: string, to: string): Promise<void> {
  const { world, webhooks } = github
  const { account } = github.installation(from)
  for (const one of world.repositories) if (one.owner === account) world.rename(one, account, one.name)
  account.login = to
  await webhooks.emit({
    name: 'installation_target',
    action: 'renamed',
    account,
    repository: null,
    sender: world.user('alice'),
    payload: {
      account: createWriter(world).account(account),
      changes: { login: { from } },
      target_type: 'Organization',
    },
  })
  world.touch()
}

async function announceRemoved(
  { world, webhooks }: StandIn,
  { account }: Installation,
  removed: Repository,
): Promise<void> {
  const { id, node_id, name, full_name, private: isPrivate } = createWriter(world).repository(removed)
  await webhooks.emit({
    name: 'installation_repositories',
    action: 'removed',
    account,
    repository: null,
    sender: world.user('alice'),
    payload: {
      repositories_added: [],
      repositories_removed: [{ id, node_id, name, full_name, private: isPrivate }],
      repository_selection: 'selected',
      requester: null,
    },
  })
  world.touch()
}
