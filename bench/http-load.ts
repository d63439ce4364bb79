import { once } from 'node:events'
import autocannon from 'autocannon'
import { Agent, request } from 'undici'
import { createClient } from '../routers/client.ts'
import { answerParent } from './child.ts'
import { closedLoop, summarise, type Measurement } from './load.ts'
import { createOrpcClient } from './orpc-client.ts'
import { withLoadTime } from './processor-time.ts'

/** One load to put on a server from this process; the parent sends it as a message. */
export type Job = EnrollOverHttp | EnrollOverRpc | ReadPages

interface Enroll {
  readonly callers: number
  readonly usernames: readonly string[]
  readonly courseId: string
}

interface EnrollOverHttp extends Omit<Enroll, 'courseId'> {
  readonly door: 'http'
  /** One for all, or one for each username. */
  readonly courseId: string | readonly string[]
  readonly url: string
  readonly apiKey: string
}

interface EnrollOverRpc extends Enroll {
  /** Ours, or that of the peer behind oRPC. */
  readonly door: 'rpc' | 'orpc'
  readonly socketPath: string
  readonly token: string
}

/** The same page again and again, from one caller. */
interface ReadPages {
  readonly door: 'pages'
  readonly url: string
  readonly authorization: string
  readonly times: number
}

answerParent((job: Job) => withLoadTime(() => run(job)))

function run(job: Job): Promise<Measurement> {
  if (job.door === 'pages') return readPages(job)
  if (job.door === 'http') return loadOverHttp(job)
  return job.door === 'rpc' ? loadOverRpc(job) : loadOverOrpc(job)
}

async function loadOverHttp(job: EnrollOverHttp): Promise<Measurement> {
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
    timeout: LONG_SECONDS,
    requests: [
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-edx-api-key': job.apiKey },
        setupRequest: (request) => {
          const user = job.usernames[sent]
          const courseId = typeof job.courseId === 'string' ? job.courseId : job.courseId[sent]
          sent += 1
          return { ...request, body: JSON.stringify({ user, course_details: { course_id: courseId } }) }
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

/** On a busy machine an answer may take long: that is a figure, and no failure before a minute. */
const LONG_SECONDS = 60

async function loadOverRpc({ callers, usernames, courseId, ...target }: EnrollOverRpc): Promise<Measurement> {
  await using client = createClient(target)
  return await closedLoop({ callers, total: usernames.length }, (index) =>
    client.enrollment.enroll.mutate({ username: usernames[index] ?? '', courseId }),
  )
}

async function loadOverOrpc({ callers, usernames, courseId, ...target }: EnrollOverRpc): Promise<Measurement> {
  await using peer = createOrpcClient(target)
  return await closedLoop({ callers, total: usernames.length }, (index) =>
    peer.client.enrollment.enroll({ username: usernames[index] ?? '', courseId }),
  )
}

async function readPages({ url, authorization, times }: ReadPages): Promise<Measurement> {
  const dispatcher = new Agent()
  try {
    return await closedLoop({ callers: 1, total: times }, async () => {
      const { statusCode, body } = await request(url, { dispatcher, headers: { authorization } })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`${statusCode}: ${text}`)
    })
  } finally {
    await dispatcher.close()
  }
}
