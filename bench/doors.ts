import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import { buildApp } from '../server/app.ts'
import { readConfig } from '../server/config.ts'
import { openListeners } from '../server/listeners.ts'
import { handEnroll } from './baselines.ts'
import type { Job } from './http-load.ts'
import type { Measurement } from './load.ts'
import type { World } from './world.ts'

/** The server with both doors, a hand-written peer, and a second process that puts load on them. */
export interface Doors extends AsyncDisposable {
  readonly restUrl: string
  readonly handUrl: string
  readonly socketPath: string
  readonly apiKey: string
  readonly token: string
  load(job: Job): Promise<Measurement>
}

/** Opens the doors of a world on free ports of the loopback interface. */
export async function openDoors(world: World): Promise<Doors> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-bench-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const socketPath = join(directory, 'private.sock')
  const [apiKey, token] = ['bench-api-key', 'bench-token']
  const config = readConfig({ PORT: '0', INTERNAL_SOCKET: socketPath, RATE_LIMITS: 'off' })
  const secrets = { internalTokens: new Map([[token, 'bench']]), edxApiKeys: [apiKey], jwt: { secret: 'bench-secret' } }
  const app = buildApp({ db: world.db, config, secrets })
  undo.defer(() => app.close())
  const { url } = await openListeners(app, config)

  const peer = fastify()
  undo.defer(() => peer.close())
  peer.post<{ Body: { user: string; course_details: { course_id: string } } }>('/enroll', async ({ body }) => {
    await handEnroll(world.pool, body.user, body.course_details.course_id)
    return { user: body.user, is_active: true, mode: 'audit', course_id: body.course_details.course_id }
  })
  const peerUrl = await peer.listen({ host: '127.0.0.1', port: 0 })

  const child = fork(new URL('./http-load.ts', import.meta.url))
  undo.defer(() => void child.kill())
  const load = async (job: Job): Promise<Measurement> => {
    child.send(job)
    const [answer] = (await once(child, 'message')) as [{ measurement?: Measurement; error?: string }]
    if (answer.measurement === undefined) throw new Error(answer.error ?? 'The load process gave no answer')
    return answer.measurement
  }
  const stack = undo.move()
  return {
    restUrl: `${url}/api/enrollment/v1/enrollment`,
    handUrl: `${peerUrl}/enroll`,
    socketPath,
    apiKey,
    token,
    load,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
