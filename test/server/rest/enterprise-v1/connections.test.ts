import { once } from 'node:events'
import { createServer, Socket, type AddressInfo } from 'node:net'
import { Client } from 'pg'
import { afterAll, expect, test, vi } from 'vitest'
import { openDatabase } from '../../../../core/database/open.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { addCourse, addLearner, addLearners } from '../../../support/seed.ts'
import { buildTestApp } from '../../../support/server.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { addCustomer, createEnterpriseDatabase } from '../../../enterprise/seed.ts'
import { bulkUrl, headersOf } from './api.ts'

const seeded = await createEnterpriseDatabase()
afterAll(() => seeded[Symbol.asyncDispose]())
const { db, connectionString } = seeded

test('a batch connects to nothing but PostgreSQL', async () => {
  const acme = await addCustomer(db)
  const learners = await addLearners(db, 20)
  const courses = [await addCourse(db), await addCourse(db, { max_enrollments: 3 })]
  const people = [...learners.map(({ email }) => email), 'new@example.com', 'no-at-sign']
  const rows = people.flatMap((email) =>
    courses.map((course) => ({ email, course_run_key: course, license_uuid: uuidOf(email) })),
  )
  const headers = await headersOf(await addLearner(db, { is_staff: true }))
  // A pool without a connection yet.
  await using fresh = openDatabase({ connectionString })
  await using app = buildTestApp({ db: fresh })
  const targets = recordConnections()
  const url = bulkUrl(acme.uuid)
  const send = () => app.inject({ method: 'POST', url, headers, payload: { licenses_info: rows, notify: true } })
  const answers = await Promise.all([send(), send(), send()])
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([409, 409, 409])
  const { host, port } = new Client({ connectionString })
  expect(new Set(targets)).toEqual(new Set([host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`]))
})

test('a connection to anything else would have been seen', async () => {
  await using server = createServer((socket) => socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // It listens on a port.
  const targets = recordConnections()
  await fetch(`http://127.0.0.1:${port}/`).catch(() => {})
  await using database = await createTestDatabase()
  await addLearner(database.db)
  expect(targets).toContain(`127.0.0.1:${port}`)
  expect(targets.length).toBeGreaterThan(1)
})

/** Where this process connects to from now on; whatever opens a connection comes by here. */
function recordConnections(): string[] {
  const targets: string[] = []
  const { connect } = Socket.prototype
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function record(this: Socket, ...args: unknown[]) {
    targets.push(targetOf(args))
    return Reflect.apply(connect, this, args) as Socket
  })
  return targets
}

/** Of the forms that Node.js has: options, a port and a host, a path, or a list of them that it has read already. */
function targetOf([first, second]: unknown[]): string {
  if (Array.isArray(first)) return targetOf(first)
  if (typeof first === 'number') return `${typeof second === 'string' ? second : 'localhost'}:${first}`
  if (typeof first === 'string') return first
  const { path, host = 'localhost', port } = first as { path?: string; host?: string; port?: number }
  return path ?? `${host}:${port}`
}
