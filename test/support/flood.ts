// A program: sends signed deliveries at a steady pace from a process of its own, and prints how they were answered.
import { createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'

/** What it reads from its parent, before the deliveries themselves. */
export interface Plan {
  url: string
  secret: string
  /** Milliseconds from one delivery to the next. */
  everyMs: number
  deliveries: { id: string; event: string; payload: unknown }[]
}

export interface Answers {
  /** Milliseconds to each answer, in the order of the deliveries. */
  times: number[]
  /** Milliseconds by which each was sent too late: how busy the machine is with other things. */
  late: number[]
  /** How often each status came; 0: no answer. */
  statuses: Record<string, number>
}

process.send!('ready')
process.on('message', (plan: Plan) => {
  void flood(plan).then((answers) => {
    process.send!(answers)
    process.disconnect()
  })
})

async function flood({ url, secret, everyMs, deliveries }: Plan): Promise<Answers> {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const answers: Answers = { times: [], late: [], statuses: {} }
  const bodies = deliveries.map(({ payload }) => JSON.stringify(payload))
  const signatures = bodies.map((body) => createHmac('sha256', secret).update(body).digest('hex'))
  // The parent moves the heads that the deliveries announce.
  const beginAt = Date.now() + 100
  process.send!({ beginAt })
  await Promise.all(
    deliveries.map(async ({ id, event }, index) => {
      await new Promise((resolve) => setTimeout(resolve, beginAt + index * everyMs - Date.now()))
      answers.late[index] = Date.now() - beginAt - index * everyMs
      const started = performance.now()
      const status = await post(url, agent, bodies[index]!, {
        'content-type': 'application/json',
        'x-github-event': event,
        'x-github-delivery': id,
        'x-hub-signature-256': `sha256=${signatures[index]}`,
      })
      answers.times[index] = performance.now() - started
      answers.statuses[status] = (answers.statuses[status] ?? 0) + 1
    }),
  )
  agent.destroy()
  return answers
}

function post(url: string, agent: Agent, body: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    sent.on('error', () => resolve(0))
    sent.end(body)
  })
}
