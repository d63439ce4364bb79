// slow: starts many processes
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultPolicy } from '../../../../core/policy.ts'
import { createCaller } from '../../../../routers/index.ts'
import { startBulkWorker } from '../../../../server/background/bulk/worker.ts'
import { cli, freshDirectory, startCli, type Ended } from '../../../support/cli.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { eventually } from '../../../support/eventually.ts'
import { addCourse, addLearners } from '../../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'shop' } })
const env = { DATABASE_URL: connectionString }

describe('where a server works on jobs', () => {
  let worker: AsyncDisposable
  beforeAll(async () => {
    const log = { error() {}, warn() {} }
    worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
  })
  afterAll(() => worker[Symbol.asyncDispose]())

  test('a file is tried, started, followed, and its failed lines are corrected and sent again', async () => {
    const course = await addCourse(db)
    const [alice, bob] = await addLearners(db, 2)
    const path = await file('username,course_id,note', `${alice?.username},${course},x`, `no-body,${course},"=1,2"`)

    const planned = await bulk('start', path, '--dry-run')
    expect(planned).toMatchObject({ code: 1, stdout: expect.stringContaining('This would happen to 2 lines:\n') })
    expect(planned.stdout).toContain('  1  created\n  1  learnerNotFound (failed)\n')
    expect(planned.stdout).toContain('Note: ')
    expect(await enrollment.get({ username: alice?.username ?? '', courseId: course })).toBeNull()

    const followed = await bulk('start', path, '--yes', '--watch', '--json', '--reason', 'spring term')
    expect(followed.code).toBe(1)
    const [job] = jsonLines(followed).slice(-1)
    expect(job).toMatchObject({
      state: 'done',
      total: 2,
      counts: { created: 1, learnerNotFound: 1 },
      reason: 'spring term',
    })

    const failed = join(await freshDirectory(), 'failed.csv')
    const id = String(job?.['jobId'])
    expect(await bulk('results', id, '--only-failed', '--output', failed)).toMatchObject({
      code: 0,
      stdout: `1 line written to ${failed}.\n`,
    })
    const text = await readFile(failed, 'utf8')
    expect(text).toMatch(/^username,course_id,note,outcome,code,message\nno-body,.*"'=1,2",,learnerNotFound,/)
    await writeFile(failed, text.replace('no-body', bob?.username ?? ''))
    const again = await bulk('start', failed, '--yes', '--watch')
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('  1  created\n') })
    const all = await bulk('results', id)
    expect(all.stdout.split('\n')).toHaveLength(4)
    expect(jsonLines(await bulk('results', id.slice(0, 13), '--code', 'created', '--json'))).toMatchObject([
      { line: 2, ok: true, input: { username: alice?.username } },
    ])
  })

  test('what a job did is undone, after a dry run', async () => {
    const course = await addCourse(db)
    const [alice] = await addLearners(db, 1)
    const path = await file('username,course_id', `${alice?.username},${course}`)
    const [job] = jsonLines(await bulk('start', path, '--yes', '--watch', '--json')).slice(-1)
    const id = String(job?.['jobId'])
    expect(await bulk('undo', id, '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1  deactivated'),
    })
    expect(await enrollment.get({ username: alice?.username ?? '', courseId: course })).toMatchObject({
      isActive: true,
    })
    expect(await bulk('undo', id, '--yes', '--watch')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1  deactivated'),
    })
    const listed = jsonLines(await cli(['enrollment', 'history', alice?.username ?? '', course, '--json'], env))
    expect(listed.map(({ kind, via, reason }) => [kind, via, reason])).toEqual([
      ['created', 'bulk', null],
      ['deactivated', 'bulk', `undo of ${id}`],
    ])
  })

  test('failed lines are sent again as they are, until what was in their way is gone', async () => {
    const course = await addCourse(db, { enrollment_end: '2020-01-01T00:00:00Z' })
    const open = await addCourse(db)
    const [alice, bob] = await addLearners(db, 2)
    const path = await file('username,course_id,ref', `${alice?.username},${open},a`, `${bob?.username},${course},b`)
    const [job] = jsonLines(await bulk('start', path, '--yes', '--watch', '--json')).slice(-1)
    expect(job).toMatchObject({ counts: { created: 1, enrollmentClosed: 1 } })

    const stillClosed = await bulk('retry-failed', String(job?.['jobId']), '--watch')
    expect(stillClosed).toMatchObject({ code: 1, stdout: expect.stringContaining('1  enrollmentClosed (failed)\n') })
    expect(stillClosed.stdout).toContain('is done: 1 line in ')

    await db.updateTable('courses').set({ enrollment_end: null }).where('course_key', '=', course).execute()
    const [again] = jsonLines(await bulk('retry-failed', 'last', '--watch', '--json')).slice(-1)
    expect(again).toMatchObject({ state: 'done', source: 'retry', total: 1, counts: { created: 1 } })
    expect((await bulk('results', 'last')).stdout).toBe(
      `username,course_id,ref,outcome,code,message\n${bob?.username},${course},b,created,,\n`,
    )
    expect(await bulk('retry-failed', 'last', '--watch')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is done: 0 lines'),
    })
  })

  test('why a line of a file failed is told by why as well', async () => {
    const course = await addCourse(db, { enrollment_end: '2020-01-01T00:00:00Z' })
    const [alice] = await addLearners(db, 1)
    const path = await file('email,course_id', `${alice?.email},${course}`)
    const [job] = jsonLines(await bulk('start', path, '--yes', '--watch', '--json')).slice(-1)
    const { stdout } = await cli(['why', alice?.username ?? '', course], env)
    expect(stdout).toContain(`line 2 of ${String(job?.['jobId'])} failed: Enrollment has ended.`)
  })

  test('without --watch the id is printed, by which get, list, watch and cancel find the job', async () => {
    const course = await addCourse(db)
    const [alice] = await addLearners(db, 1)
    const path = await file(alice?.email ?? '')
    const started = await cli(['enroll', '--csv', path, '--course', course, '--yes'], env)
    expect(started).toMatchObject({ code: 0, stderr: expect.stringContaining('bulk watch') })
    const id = started.stdout.trim()
    expect(await bulk('watch', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('1  created') })
    expect((await bulk('get', 'last')).stdout).toMatch(new RegExp(`^${id}\n {2}state {5}done\n`))
    expect((await bulk('list', '-n', '1')).stdout).toMatch(new RegExp(`^${id} {2}done {2}enroll {2}1/1 {2}0 {2}`))
    expect(jsonLines(await bulk('list', '--state', 'done', '--json'))[0]).toMatchObject({ jobId: id, state: 'done' })
    // A job that has ended stays what it is.
    expect(JSON.parse((await bulk('cancel', id, '--json')).stdout)).toMatchObject({ state: 'done' })
    const retried = await bulk('retry-failed', id, '--watch')
    expect(retried).toMatchObject({ code: 0, stdout: expect.stringContaining('is done: 0 lines') })
  })

  test('a file that cannot be used ends with 2 before anything is started, in words', async () => {
    const directory = await freshDirectory()
    const missing = join(directory, 'nothing.csv')
    const binary = join(directory, 'image.png')
    await writeFile(binary, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0xff, 0xfe]))
    const wrong: [args: string[], words: string | RegExp][] = [
      [[missing, '--yes'], `Cannot read '${missing}': there is no such file or directory.`],
      [[directory, '--yes'], `Cannot read '${directory}': it is a directory.`],
      [[binary, '--yes'], `'${binary}' cannot be used: `],
      [[await file(''), '--yes'], 'cannot be used: The file is empty.'],
      [[await file('username,mode', 'alice,audit'), '--yes'], 'course_id'],
      [[await file('username,course_id'), '--yes', '--max-removals', '5'], 'are for --action sync'],
      [[await file('username,course_id')], 'Nothing was started: there is no terminal on which to ask.'],
      [[await file('username,course_id'), '--json'], 'Nothing was started'],
      [['x.csv', '--action', 'delete'], 'Allowed choices are enroll, unenroll, change, sync'],
      [['x.csv', '--max-removals', 'all'], 'It is a whole number, or a share from 0% to 100%.'],
    ]
    for (const [args, words] of wrong) {
      const { code, stdout, stderr } = await bulk('start', ...args)
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(String(words))])
    }
    const { stderr } = await cli(['enroll', 'bob', '--csv', 'x.csv', '--yes'])
    expect(stderr).toContain('--csv takes learners, modes and the rest from the file')
  })

  test('a job that is not there ends with 2, and those that there are are named', async () => {
    const id = '00000000-0000-4000-8000-000000000000'
    expect(await bulk('get', id)).toMatchObject({ code: 2, stderr: expect.stringContaining(`no bulk job '${id}'`) })
    const misspelt = await bulk('watch', 'lastt')
    expect(misspelt).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("There is no bulk job 'lastt'. The latest are "),
    })
    expect(await bulk('results', '0000')).toMatchObject({ code: 2, stderr: expect.stringContaining('bulk list') })
    expect(await bulk('undo', id)).toMatchObject({ code: 2, stderr: expect.stringContaining('Nothing was started') })
    expect(await bulk('undo', id, '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining(id) })
  })
})

describe('where no server runs', () => {
  test('a job waits, and Ctrl-C leaves it, until somebody follows it', async () => {
    const course = await addCourse(db)
    const [alice] = await addLearners(db, 1)
    const path = await file('username,course_id', `${alice?.username},${course}`)
    const started = await bulk('start', path, '--yes')
    expect(started).toMatchObject({ code: 0, stderr: expect.stringContaining('one has to run (npm start)') })
    const id = started.stdout.trim()

    // Who follows it works on it after some seconds where nobody says that they do: here it is left before, however slow all is.
    await sql`update bulk_jobs set leased_until = now() + interval '1 hour' where id = ${id}::uuid`.execute(db)
    const watching = startCli(['bulk', 'watch', id], env)
    const closed = once(watching, 'close')
    let said = ''
    watching.stderr.on('data', (text) => (said += text))
    await once(watching.stdout, 'data')
    watching.kill('SIGINT')
    expect(await closed).toEqual([130, null])
    expect(said).toContain(`bulk watch ${id}`)
    await sql`update bulk_jobs set leased_until = null where id = ${id}::uuid`.execute(db)
    expect(await enrollment.get({ username: alice?.username ?? '', courseId: course })).toBeNull()

    const done = await bulk('watch', id)
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('1  created') })
    expect(done.stderr).toContain('No server works on it, so this process does')
    await eventually(async () =>
      expect(await enrollment.get({ username: alice?.username ?? '', courseId: course })).toMatchObject({
        isActive: true,
      }),
    )
  })

  test('a job is left alone on which a process says that it works, however long it says nothing else', async () => {
    const course = await addCourse(db)
    const path = await file('username,course_id', `nobody,${course}`)
    const { stdout } = await bulk('start', path, '--yes')
    const id = stdout.trim()
    await sql`update bulk_jobs set leased_until = now() + interval '1 hour' where id = ${id}::uuid`.execute(db)
    const watching = startCli(['bulk', 'watch', id], env)
    const closed = once(watching, 'close')
    let said = ''
    watching.stderr.on('data', (text) => (said += text))
    await once(watching.stdout, 'data')
    await sleep(4_000)
    watching.kill('SIGINT')
    expect(await closed).toEqual([130, null])
    expect(said).not.toContain('No server works on it')
    expect(await bulk('cancel', id)).toMatchObject({ code: 0 })
  })

  test('Ctrl-C while a file is put up starts nothing, and keeps nothing of it', async () => {
    const before = await db.selectFrom('bulk_jobs').select('id').execute()
    const starting = startCli(['bulk', 'start', '-', '--yes'], env)
    const closed = once(starting, 'close')
    let said = ''
    starting.stderr.on('data', (text) => (said += text))
    starting.stdin.write('username,course_id\n')
    const begun = () => db.selectFrom('bulk_uploads').select('id').where('bytes', 'is', null).execute()
    await eventually(async () => expect(await begun()).toHaveLength(1))
    starting.kill('SIGINT')
    expect(await closed).toEqual([130, null])
    expect(said).toBe('Nothing was started.\n')
    expect([await begun(), await db.selectFrom('bulk_jobs').select('id').execute()]).toEqual([[], before])
  })

  test('standard input is a file as well, and a job that waits can be cancelled', async () => {
    const course = await addCourse(db)
    const [alice] = await addLearners(db, 1)
    const lines = `username,course_id\n${alice?.username},${course}\n`
    const { stdout } = await cli(['bulk', 'start', '-', '--yes', '--json'], env, lines)
    const { jobId, state } = JSON.parse(stdout) as { jobId: string; state: string }
    expect(state).toBe('queued')
    expect((await bulk('cancel', jobId)).stdout).toContain('state     cancelled')
    expect(await bulk('watch', jobId)).toMatchObject({ code: 1, stdout: expect.stringContaining('was cancelled') })
  })
})

function bulk(...args: string[]): Promise<Ended> {
  return cli(['bulk', ...args], env)
}

async function file(...lines: string[]): Promise<string> {
  const path = join(await freshDirectory(), 'lines.csv')
  await writeFile(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}
