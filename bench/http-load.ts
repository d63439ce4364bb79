import { once } from 'node:events'
import autocannon from 'autocannon'
import { createClient } from '../routers/client.ts'
import { closedLoop, summarise, type Measurement } from './load.ts'

/** One load to put on a server from this process; the parent sends it as a message. */
export type Job = {
  readonly callers: number
  readonly usernames: readonly string[]
  readonly courseId: string
} & ({ readonly door: 'http'; readonly url: string; readonly apiKey: string } | RpcTarget)

interface RpcTarget {
  readonly door: 'rpc'
  readonly socketPath: string
  readonly token: string
}

process.on('message', (job: Job) => {
  run(job).then(
    (measurement) => process.send?.({ measurement }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})

function run(job: Job): Promise<Measurement> {
  return job.door === 'http' ? loadOverHttp(job) : loadOverRpc(job)
}

async function loadOverHttp(job: Extract<Job, { door: 'http' }>): Promise<Measurement> {
  const total = job.usernames.length
  const latencies = new Float64Array(total)
  let sent = 0
  let answered = 0
  let failed = 0
  let lastAnswer = 0
  const started = performance.now()
  const options: autocannon.Options = {
    url: job.url,
    connections: job.callers,
    amount: total,
    requests: [
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-edx-api-key': job.apiKey },
        setupRequest: (request) => {
          const user = job.usernames[sent]
          sent += 1
          return { ...request, body: JSON.stringify({ user, course_details: { course_id: job.courseId } }) }
        },
      },
    ],
  }
  const load = autocannon(options, () => {})
  load.on('response', (_client, status, _bytes, milliseconds) => {
    latencies[answered] = milliseconds
    answered += 1
    lastAnswer = performance.now()
    if (status !== 200) failed += 1
  })
  await once(load, 'done')
  if (failed > 0 || answered !== total) throw new Error(`${failed} of ${answered} answers were not 200`)
  return summarise(latencies, lastAnswer - started, 1)
}

async function loadOverRpc(job: Extract<Job, { door: 'rpc' }>): Promise<Measurement> {
  await using client = createClient({ socketPath: job.socketPath, token: job.token })
  return await closedLoop({ callers: job.callers, total: job.usernames.length }, (index) =>
    client.enrollment.enroll.mutate({ username: job.usernames[index] ?? '', courseId: job.courseId }),
  )
}
