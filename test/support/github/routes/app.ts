// What the app asks about itself, its installations and its webhook deliveries.
import { mintToken } from '../access.ts'
import type { Delivery } from '../deliveries.ts'
import { time } from '../json.ts'
import { type Answer, notFound, Refusal } from '../refusal.ts'
import { found } from '../reviews.ts'
import type { Installation, Permissions, Repository } from '../world.ts'
import { asAnyone, asApp, asInstallation, type Call, ok, paged, type Routes } from './route.ts'

export const appRoutes: Routes = {
  'GET /app': asApp(({ github }) => ok(github.write.app(github.world.app))),

  'GET /app/installations': asApp((call) =>
    paged(call, call.github.world.installations, call.github.write.installation),
  ),

  'GET /app/installations/{installation_id}': asApp((call) => ok(call.github.write.installation(installationOf(call)))),

  'POST /app/installations/{installation_id}/access_tokens': asApp((call) => {
    const installation = installationOf(call)
    const wanted = (call.body ?? {}) as {
      repositories?: string[]
      repository_ids?: number[]
      permissions?: Permissions
    }
    const named = wanted.repositories?.map((name) => repositoryOf(call, installation, (one) => one.name === name))
    const numbered = wanted.repository_ids?.map((id) => repositoryOf(call, installation, (one) => one.id === id))
    const repositories = named ?? numbered
    const token = mintToken(call.github.world, installation, {
      ...(wanted.permissions && { permissions: wanted.permissions }),
      ...(repositories && { repositories }),
    })
    const body = {
      token: token.value,
      expires_at: time(token.expiresAt),
      permissions: token.permissions,
      repository_selection: repositories || installation.repositories !== 'all' ? 'selected' : 'all',
      ...(repositories && { repositories: repositories.map(call.github.write.repository) }),
    }
    return ok(body, 201)
  }),

  'GET /repos/{owner}/{repo}/installation': asApp((call) => {
    const { world, write } = call.github
    const repository = found(world.repository(call.params['owner'] ?? '', call.params['repo'] ?? ''))
    return ok(write.installation(found(world.installationOf(repository))))
  }),

  'GET /orgs/{org}/installation': asApp((call) => installationAnswer(call, call.params['org'])),
  'GET /users/{username}/installation': asApp((call) => installationAnswer(call, call.params['username'])),

  'GET /app/hook/config': asApp(({ webhooks }) =>
    ok({
      content_type: 'json',
      insecure_ssl: '0',
      secret: '********',
      ...(webhooks.target && { url: webhooks.target }),
    }),
  ),

  'GET /app/hook/deliveries': asApp((call) => {
    const size = Math.min(100, Number(call.query['per_page'] ?? 30))
    const before = Number(call.query['cursor']?.replace(/^v1_/, '') ?? Infinity)
    const wanted = call.query['status']
    const older = call.webhooks.deliveries
      .filter((one) => one.id < before && (!wanted || (one.status === 'OK') === (wanted === 'success')))
      .reverse()
    const shown = older.slice(0, size)
    const answer = ok(shown.map(deliveryItem))
    if (older.length <= size) return answer
    const query = new URLSearchParams({ ...call.query, cursor: `v1_${shown.at(-1)?.id}` })
    return { ...answer, headers: { link: `<${call.url}?${query}>; rel="next"` } }
  }),

  'GET /app/hook/deliveries/{delivery_id}': asApp((call) => {
    const delivery = deliveryOf(call)
    return ok({
      ...deliveryItem(delivery),
      url: call.webhooks.target ?? '',
      request: delivery.request,
      response: delivery.response,
    })
  }),

  'POST /app/hook/deliveries/{delivery_id}/attempts': asApp((call) => {
    void call.webhooks.redeliver(deliveryOf(call))
    return ok({}, 202)
  }),

  'GET /installation/repositories': asInstallation((call) => {
    const { world, write } = call.github
    if (call.actor.kind !== 'installation') throw notFound()
    const { installation, token } = call.actor
    const repositories = world.repositories.filter(
      (one) =>
        world.installationOf(one) === installation &&
        !one.deleted &&
        (token.repositories === null || token.repositories.includes(one)),
    )
    return paged(call, repositories, write.repository, (page, total) => ({ total_count: total, repositories: page }))
  }),

  'GET /users/{username}': asAnyone((call) => {
    const account = found(call.github.world.account(call.params['username'] ?? ''))
    const created = time(account.createdAt)
    const numbers = { public_repos: 0, public_gists: 0, followers: 0, following: 0 }
    const blank = { name: null, company: null, blog: '', location: null, email: null, hireable: null, bio: null }
    return ok({ ...call.github.write.account(account), ...blank, ...numbers, created_at: created, updated_at: created })
  }),
}

function installationOf(call: Call): Installation {
  const id = Number(call.params['installation_id'])
  return found(call.github.world.installations.find((one) => one.id === id))
}

function installationAnswer(call: Call, login = ''): Answer {
  const installation = call.github.world.installations.find(
    (one) => one.account.login.toLowerCase() === login.toLowerCase(),
  )
  return ok(call.github.write.installation(found(installation)))
}

function repositoryOf(call: Call, installation: Installation, is: (one: Repository) => boolean): Repository {
  const { world } = call.github
  const repository = world.repositories.find((one) => is(one) && world.installationOf(one) === installation)
  if (repository) return repository
  throw new Refusal(
    422,
    'There is at least one repository that does not exist or is not accessible to the parent installation.',
  )
}

function deliveryOf(call: Call): Delivery {
  const id = Number(call.params['delivery_id'])
  return found(call.webhooks.deliveries.find((one) => one.id === id))
}

function deliveryItem(one: Delivery) {
  return {
    id: one.id,
    guid: one.guid,
    delivered_at: one.deliveredAt.toISOString(),
    redelivery: one.redelivery,
    duration: one.duration,
    status: one.status,
    status_code: one.statusCode,
    event: one.event,
    action: one.action,
    installation_id: one.installation.id,
    repository_id: one.repository?.id ?? null,
    throttled_at: null,
  }
}
