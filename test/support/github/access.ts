// Who is asking, and what they may do: the app by its signed JWT, an installation by the token minted for it.
import { randomBytes, verify } from 'node:crypto'
import { notAccessible, notFound, Refusal } from './refusal.ts'
import type { Installation, Level, Permissions, Repository, Token, World } from './world.ts'

export type Actor = { kind: 'app' } | { kind: 'installation'; installation: Installation; token: Token }

const TOKEN_LIFE = 60 * 60 * 1000
const LONGEST_JWT_SECONDS = 600
// GitHub lets clocks differ a little.
const CLOCK_DRIFT_SECONDS = 60

/** Who sent a request with this `Authorization` header. */
export function authenticate(world: World, authorization: string | undefined): Actor {
  const [, value] = /^(?:bearer|token) (\S+)$/i.exec(authorization ?? '') ?? []
  if (value === undefined) throw new Refusal(401, 'Requires authentication')
  if (value.split('.').length === 3) {
    checkJwt(world, value)
    return { kind: 'app' }
  }
  const token = world.tokens.get(value)
  if (!token || token.expiresAt <= world.now() || !world.installations.includes(token.installation))
    throw new Refusal(401, 'Bad credentials')
  if (token.installation.suspendedAt) throw new Refusal(403, 'This installation has been suspended')
  return { kind: 'installation', installation: token.installation, token }
}

function checkJwt(world: World, jwt: string): void {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const signed = Buffer.from(`${header}.${payload}`)
  if (
    readPart(header)['alg'] !== 'RS256' ||
    !verify('RSA-SHA256', signed, world.app.publicKey, Buffer.from(signature, 'base64url'))
  )
    throw new Refusal(401, 'A JSON web token could not be decoded')

  const { iss, iat, exp } = readPart(payload)
  const now = world.now().getTime() / 1000
  if (String(iss) !== String(world.app.id) && iss !== world.app.clientId)
    throw new Refusal(404, 'Integration not found')
  if (typeof iat !== 'number' || iat > now + CLOCK_DRIFT_SECONDS)
    throw new Refusal(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    )
  if (typeof exp !== 'number' || exp <= now)
    throw new Refusal(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    )
  if (exp > now + LONGEST_JWT_SECONDS + CLOCK_DRIFT_SECONDS)
    throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
}

function readPart(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    throw new Refusal(401, 'A JSON web token could not be decoded')
  }
}

/** A token for one hour, narrowed to what was asked for. */
export function mintToken(
  world: World,
  installation: Installation,
  wanted: { permissions?: Permissions; repositories?: Repository[] },
): Token {
  if (installation.suspendedAt) throw new Refusal(403, 'This installation has been suspended')
  const permissions = wanted.permissions ?? installation.permissions
  for (const [name, level] of Object.entries(permissions)) {
    if (!grants(installation.permissions, name, level))
      throw new Refusal(422, 'The permissions requested are not granted to this installation.')
  }
  const token: Token = {
    value: `ghs_${randomBytes(27).toString('base64url').replaceAll(/[-_]/g, 'x')}`,
    installation,
    permissions,
    repositories: wanted.repositories ?? null,
    expiresAt: new Date(world.now().getTime() + TOKEN_LIFE),
  }
  world.tokens.set(token.value, token)
  return token
}

/** Whether the actor's token reaches the repository, by its installation. */
export function reaches(actor: Actor, repository: Repository): boolean {
  if (actor.kind !== 'installation' || repository.deleted) return false
  const { installation, token } = actor
  const installed =
    installation.account === repository.owner &&
    (installation.repositories === 'all' || installation.repositories.has(repository))
  return installed && (token.repositories === null || token.repositories.includes(repository))
}

/** Whether the actor can know that the repository is there. */
export function sees(actor: Actor, repository: Repository): boolean {
  return reaches(actor, repository) || (!repository.private && !repository.deleted)
}

export type Need = `${string}:${Level}`

/** Whether any of `needs` is granted on the repository. What is public may be read by all. */
export function may(actor: Actor, repository: Repository, needs: readonly Need[]): boolean {
  if (actor.kind !== 'installation') return false
  const reached = reaches(actor, repository)
  return needs.some((need) => {
    const [name, level] = need.split(':') as [string, Level]
    if (level === 'read' && !repository.private) return true
    return (
      reached && grants(actor.token.permissions, name, level) && grants(actor.installation.permissions, name, level)
    )
  })
}

/** Throws what GitHub answers: 404 for what must not be known, 403 for what is not allowed. */
export function demand(actor: Actor, repository: Repository, needs: readonly Need[]): void {
  if (!sees(actor, repository)) throw notFound()
  if (!may(actor, repository, needs)) throw notAccessible()
}

function grants(permissions: Permissions, name: string, level: Level): boolean {
  const granted = permissions[name]
  return granted === 'write' || (granted === 'read' && level === 'read') || (name === 'metadata' && level === 'read')
}
