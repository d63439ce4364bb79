import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { extensionLineType } from '../../core/import-export/group-importer.ts'
import { line } from '../../core/import-export/lines.ts'
import { mutation, query } from '../../routers/operation.ts'
import { runCommandLine } from '../../server/cli/program.ts'
import { readServerConfig } from '../../server/config.ts'
import { lineTypesOf, type Extension } from '../../server/extension.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { isAtNewestSchema, migrateAll } from '../../server/migrations.ts'
import { startServer, type RunningServer } from '../../server/start.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { signToken } from '../support/rest.ts'
import { buildTestApp, secrets } from '../support/server.ts'
import { importAll } from '../support/transfer.ts'
import { eventually } from '../support/eventually.ts'

const database = await createTestDatabase()
const { db, connectionString } = database

/** One that uses all that there is. */
const notes: Extension = {
  name: 'notes',
  migrations: {
    '0001_notes': { up: async (on) => void (await sql`create table notes (note text not null)`.execute(on)) },
  },
  lineTypes: [
    extensionLineType({
      type: 'note',
      usage: '{"type": "note", "text"}',
      schema: line('note', { text: z.string() }),
      importGroup: async (trx, lines) => {
        await sql`insert into notes select unnest(${lines.map((each) => each.line.text)}::text[])`.execute(trx)
        return { created: lines.length, changed: 0, failures: [] }
      },
      exportLines: async function* () {},
    }),
  ],
  async routes(app, { authenticate, settings }) {
    app.route({
      method: 'GET',
      url: '/notes/api/v1/mine',
      handler: async (request) => {
        const { account, hasApiKey } = await authenticate(request)
        return { username: account?.username ?? null, hasApiKey, level: settings.logLevel }
      },
    })
  },
  operations: {
    notes: {
      add: mutation({
        input: z.strictObject({ note: z.string() }),
        output: z.null(),
        handler: async ({ db: on, metadata }, { note }) => {
          await sql`insert into notes values (${`${metadata.actor.name}: ${note}`})`.execute(on)
          return null
        },
      }),
      list: query({
        input: z.void(),
        output: z.array(z.string()),
        handler: async ({ db: on }) => {
          const { rows } = await sql<{ note: string }>`select note from notes order by note`.execute(on)
          return rows.map(({ note }) => note)
        },
      }),
    },
  },
  workers: () => ({
    consumers: [
      {
        name: 'notes',
        intervalMs: 10,
        apply: async (trx, events) => {
          const kinds = events.map(({ kind, username }) => `${username} ${kind}`)
          await sql`insert into notes select unnest(${kinds}::text[])`.execute(trx)
        },
      },
    ],
  }),
}
const extensions = [...builtInExtensions, notes]

let server: RunningServer
let addresses: { url: string; internalUrl: string }
const log: string[] = []
beforeAll(async () => {
  const env = {
    DATABASE_URL: connectionString,
    PORT: '0',
    INTERNAL_PORT: '0',
    INTERNAL_TOKENS: 'ops:token-of-the-tests',
    EDX_API_KEY: 'api-key-of-the-tests',
    JWT_SECRET: secrets.jwt.secret,
  }
  server = await startServer(readServerConfig(env), { write: (line) => void log.push(line) }, extensions)
  addresses = { internalUrl: '', ...server.addresses }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe('an extension that a server is started with', () => {
  test('has its tables, and its migrations are named after it', async () => {
    expect(await isAtNewestSchema(db, extensions)).toBe(true)
    const { rows } = await sql`select name from notes_migrations`.execute(db)
    expect(rows).toEqual([{ name: '0001_notes' }])
    const more: Extension = { ...notes, migrations: { ...notes.migrations, '0002_more': { up: async () => {} } } }
    expect(await isAtNewestSchema(db, [more])).toBe(false)
    expect(await migrateAll(db, [...builtInExtensions, more])).toEqual(['notes/0002_more'])
    expect(await isAtNewestSchema(db, [more])).toBe(true)
  })

  test('has its routes on the public listener alone, which know who asks', async () => {
    const { username } = await addLearner(db)
    const authorization = `JWT ${await signToken({ preferred_username: username })}`
    const answer = await get(addresses.url, { authorization, 'x-edx-api-key': 'api-key-of-the-tests' })
    expect(answer).toMatchObject({ status: 200, body: { username, hasApiKey: true, level: 'info' } })
    expect(await get(addresses.url)).toMatchObject({ status: 200, body: { username: null, hasApiKey: false } })
    expect(await get(addresses.internalUrl)).toMatchObject({ status: 404 })
  })

  test('refuses a wrong token as every API does', async () => {
    const answer = await get(addresses.url, { authorization: 'JWT nonsense' })
    expect(answer).toMatchObject({ status: 401, body: { detail: expect.any(String) } })
    expect(answer.headers.get('www-authenticate')).toBe('JWT realm="api"')
  })

  test('has its operations beside those of the core, on the private listener alone', async () => {
    expect(await call('notes.add', { note: 'hello' })).toMatchObject({ status: 200, body: { result: { data: null } } })
    const list = await call('notes.list')
    expect(list.body.result.data).toContain('ops: hello')
    expect(await call('notes.add', { note: 1 })).toMatchObject({ status: 400 })
    expect(await call('course.get', { courseId: 'course-v1:no+such+run' })).toMatchObject({
      status: 404,
      body: { error: { data: { reason: 'courseNotFound' } } },
    })
    expect((await fetch(`${addresses.internalUrl}/trpc/notes.list`)).status).toBe(401)
    expect((await fetch(`${addresses.url}/trpc/notes.list`)).status).toBe(404)
  })

  test('has its workers, which end with the server', async () => {
    const [{ username }, courseId] = [await addLearner(db), await addCourse(db)]
    await call('enrollment.enroll', { username, courseId })
    await eventually(async () => {
      expect((await call('notes.list')).body.result.data).toContain(`${username} created`)
    })
    expect(log.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  test('has its types of lines in the import format, and on the command line', async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    expect(await runCommandLine(['import', '--help'], { stdin, stdout, stderr }, { extensions })).toBe(0)
    expect(await text(stdout.end())).toContain('{"type": "note", "text"}')
    const further = lineTypesOf(extensions)
    expect(await importAll(db, [{ type: 'note', text: 'from a file' }], { further })).toMatchObject({ written: 1 })
    expect((await call('notes.list')).body.result.data).toContain('from a file')
  })
})

describe('extensions are refused', () => {
  test.each([
    ['', 'cannot be the name'],
    ['My-Extension', 'cannot be the name'],
    ['notes"; drop table learners --', 'cannot be the name'],
    ['enterprise', 'Two extensions are called'],
  ])('named %j', async (name, message) => {
    await expect(migrateAll(db, [...builtInExtensions, { name }])).rejects.toThrow(message)
  })

  test('with operations in a group that there is already', async () => {
    const app = buildTestApp({ db, extensions: [{ name: 'mine', operations: { course: {} } }] })
    await expect(app.ready()).rejects.toThrow("'mine' adds operations 'course'")
    await app.close()
  })
})

async function get(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/notes/api/v1/mine`, { headers })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

/** Calls an operation; without an input it is a query. */
async function call(path: string, input?: object) {
  const options = input && { method: 'POST', body: JSON.stringify(input) }
  const headers = { authorization: 'Bearer token-of-the-tests', 'content-type': 'application/json' }
  const answer = await fetch(`${addresses.internalUrl}/trpc/${path}`, { headers, ...options })
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they please
  return { status: answer.status, body: (await answer.json()) as any }
}
