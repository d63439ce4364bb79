// slow: starts a MariaDB
import { createConnection } from 'mysql2/promise'
import { afterAll, describe, expect, test } from 'vitest'
import { historyIdOf, type LmsEnrollment } from '../../../lms/export/lms-row.ts'
import { openLmsWriter, type RowOutcome } from '../../../lms/export/write-rows.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'

const DEMO = 'course-v1:edX+DemoX+2026'

/** The enrollment of alice as the sample has it. */
const ALICE: LmsEnrollment = {
  userId: 5,
  courseId: DEMO,
  mode: 'verified',
  isActive: true,
  created: '2026-01-02T03:04:05.678901Z',
  lmsId: 100,
  attributes: [
    { namespace: 'order', name: 'order_number', value: 'EDX-100002' },
    { namespace: 'order', name: 'date_placed', value: '2026-01-02T03:04:05Z' },
  ],
  historyId: historyIdOf('event', '1'),
  historyDate: '2026-11-28T12:00:00.123456Z',
  historyUserId: 1,
}

describe.skipIf(!hasMariadb)('rows that are written into the database of an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let count = 0

  async function sample(statements = '') {
    const name = `lms_${(count += 1)}`
    const url = await mariadb.createDatabase(name)
    if (statements !== '') await mariadb.run(name, statements)
    const write = async (rows: readonly LmsEnrollment[], options = {}): Promise<RowOutcome[]> => {
      const connection = await createConnection({ uri: url, charset: 'utf8mb4', dateStrings: true })
      try {
        await using writer = await openLmsWriter(connection, options)
        return await writer.write(rows)
      } finally {
        await connection.end()
      }
    }
    const read = <Row>(query: string) => mariadb.rows<Row>(name, query)
    const everything = async () =>
      Promise.all(
        ['student_courseenrollment', 'student_courseenrollment_history', 'student_courseenrollmentattribute'].map(
          (table) => read(`select * from ${table} order by 1, 2, 3`),
        ),
      )
    return { write, read, everything, run: (text: string) => mariadb.run(name, text) }
  }
  const verdicts = (outcomes: readonly RowOutcome[]) => outcomes.map(({ verdict }) => verdict)

  test('a row that says what the LMS says is left as it is', async () => {
    const { write, everything } = await sample()
    const before = await everything()
    expect(await write([ALICE])).toEqual([{ row: ALICE, verdict: 'unchanged', lmsId: 100 }])
    expect(await everything()).toEqual(before)
  })

  test('a change is written with one row of history, and a second run does nothing', async () => {
    const { write, read, everything } = await sample()
    const row = { ...ALICE, mode: 'audit', isActive: false, attributes: [] }
    expect(await write([row])).toEqual([{ row, verdict: 'updated', lmsId: 100 }])
    expect(await read('select * from student_courseenrollment where id = 100')).toEqual([
      { id: 100, course_id: DEMO, created: '2026-01-02 03:04:05.678901', is_active: 0, mode: 'audit', user_id: 5 },
    ])
    const id = row.historyId.replaceAll('-', '')
    expect(await read(`select * from student_courseenrollment_history where history_id = '${id}'`)).toEqual([
      {
        id: 100,
        created: '2026-01-02 03:04:05.678901',
        is_active: 0,
        mode: 'audit',
        history_id: id,
        history_date: '2026-11-28 12:00:00.123456',
        history_change_reason: 'enrollment-service',
        history_type: '~',
        course_id: DEMO,
        history_user_id: 1,
        user_id: 5,
      },
    ])
    expect(await read('select * from student_courseenrollmentattribute where enrollment_id = 100')).toEqual([])
    const after = await everything()
    expect(verdicts(await write([row]))).toEqual(['unchanged'])
    expect(await everything()).toEqual(after)
  })

  test('what the LMS has changed since it was written is left to it', async () => {
    const { write, run, everything } = await sample()
    const row = { ...ALICE, mode: 'audit' }
    await write([row])
    await run(`update student_courseenrollment set mode = 'honor' where id = 100`)
    const after = await everything()
    expect(verdicts(await write([row]))).toEqual(['writtenBefore'])
    expect(await everything()).toEqual(after)
    // The negative control: another event is written.
    expect(verdicts(await write([{ ...row, historyId: historyIdOf('event', '2') }]))).toEqual(['updated'])
  })

  test('a new row gets its exact instant and its attributes, and the id that is known or one of the LMS', async () => {
    const { write, read } = await sample()
    const fresh = {
      ...ALICE,
      courseId: 'course-v1:edX+NoModes+R1',
      lmsId: null,
      created: '2020-02-29T23:59:59.000001Z',
    }
    const known = { ...fresh, userId: 6, lmsId: 77, historyId: historyIdOf('event', '3'), historyUserId: null }
    const outcomes = await write([fresh, known])
    expect(outcomes.map(({ verdict, lmsId }) => [verdict, lmsId])).toEqual([
      ['inserted', expect.any(Number)],
      ['inserted', 77],
    ])
    const [{ lmsId } = { lmsId: 0 }] = outcomes
    expect(
      await read(
        `select id, user_id, created from student_courseenrollment where course_id like '%NoModes%' and user_id in (5, 6)`,
      ),
    ).toEqual(
      expect.arrayContaining([
        { id: lmsId, user_id: 5, created: '2020-02-29 23:59:59.000001' },
        { id: 77, user_id: 6, created: '2020-02-29 23:59:59.000001' },
      ]),
    )
    expect(
      await read(
        `select name, value from student_courseenrollmentattribute where enrollment_id = ${lmsId} order by id`,
      ),
    ).toEqual([
      { name: 'order_number', value: 'EDX-100002' },
      { name: 'date_placed', value: '2026-01-02T03:04:05Z' },
    ])
    expect(
      await read(
        `select history_type, history_user_id from student_courseenrollment_history where id in (${lmsId}, 77) and history_change_reason = 'enrollment-service' order by history_user_id`,
      ),
    ).toEqual([
      { history_type: '+', history_user_id: null },
      { history_type: '+', history_user_id: 1 },
    ])
  })

  test('what MySQL takes for another pair, and what the LMS does not have, is not written', async () => {
    const { write, everything, read } = await sample(
      `update course_overviews_courseoverview set id = 'course-v1:Ü+x+é' where id = 'course-v1:edX+NoModes+R1';
       update student_courseenrollment set course_id = 'course-v1:Ü+x+é' where id = 111;`,
    )
    const before = await everything()
    const of = (userId: number, courseId: string, lmsId: number | null = null) => ({
      ...ALICE,
      userId,
      courseId,
      lmsId,
    })
    const outcomes = await write([
      of(22, 'course-v1:U+x+e'), // The LMS has it with accents.
      of(5, 'course-v1:u+x+E'),
      of(5, 'course-v1:Ü+x+é'), // Neither of the two is there.
      of(424242, DEMO),
      of(5, 'course-v1:Made+Here+R1'),
      of(1, DEMO, 100), // Another pair has the id.
    ])
    expect(verdicts(outcomes)).toEqual([
      'sameInMysql',
      'sameInMysql',
      'sameInMysql',
      'unknownAccount',
      'unknownCourse',
      'idTaken',
    ])
    expect(await everything()).toEqual(before)
    // The negative control: with its accents it is the row.
    expect(verdicts(await write([of(22, 'course-v1:Ü+x+é', 111)]))).toEqual(['updated'])
    expect(await read('select course_id, mode from student_courseenrollment where id = 111')).toEqual([
      { course_id: 'course-v1:Ü+x+é', mode: 'verified' },
    ])
  })

  test('a key in another case than here is the same row, and keeps its spelling', async () => {
    const { write, read } = await sample()
    const row = { ...ALICE, userId: 9, lmsId: null, attributes: [], created: '2026-02-01T00:00:00Z' }
    expect(await write([row])).toEqual([{ row, verdict: 'updated', lmsId: 103 }])
    expect(await read('select course_id, mode from student_courseenrollment where id = 103')).toEqual([
      { course_id: 'course-v1:EDX+demox+2026', mode: 'verified' },
    ])
  })

  test('an enrollment without an instant keeps that', async () => {
    const { write, read } = await sample()
    const row = { ...ALICE, userId: 12, lmsId: 106, attributes: [] }
    const zero = { ...ALICE, userId: 15, lmsId: 107, attributes: [], historyId: historyIdOf('event', '9') }
    expect(verdicts(await write([row, zero]))).toEqual(['updated', 'updated'])
    expect(await read('select created, mode from student_courseenrollment where id in (106, 107) order by id')).toEqual(
      [
        { created: null, mode: 'verified' },
        { created: '0000-00-00 00:00:00.000000', mode: 'verified' },
      ],
    )
    expect(verdicts(await write([row, zero]))).toEqual(['unchanged', 'unchanged'])
  })

  test('a dry run says what would become of the rows, and writes nothing', async () => {
    const { write, everything } = await sample()
    const before = await everything()
    const fresh = { ...ALICE, userId: 6, courseId: 'course-v1:edX+New+R1', lmsId: null }
    expect(verdicts(await write([{ ...ALICE, mode: 'honor' }, fresh], { dryRun: true }))).toEqual([
      'updated',
      'inserted',
    ])
    expect(await everything()).toEqual(before)
  })

  test('a row that MySQL does not store costs no other', async () => {
    const { write, read } = await sample(
      'alter table student_courseenrollment modify mode varchar(100) character set utf8mb3 not null',
    )
    const rows = [1, 5, 6].map((userId) => ({
      ...ALICE,
      userId,
      courseId: 'course-v1:edX+New+R1',
      lmsId: null,
      mode: userId === 5 ? '😀' : 'audit',
      historyId: historyIdOf('event', userId),
    }))
    const outcomes = await write(rows)
    expect(verdicts(outcomes)).toEqual(['inserted', 'refused', 'inserted'])
    expect(outcomes[1]?.words).toContain('mode')
    expect(
      await read(
        `select user_id from student_courseenrollment where course_id = 'course-v1:edX+New+R1' and user_id < 10 order by 1`,
      ),
    ).toEqual([{ user_id: 1 }, { user_id: 6 }])
  })

  test.each([
    [
      'a history whose ids have the type uuid',
      'alter table student_courseenrollment_history modify history_id uuid not null',
    ],
    ['a history without reasons', 'alter table student_courseenrollment_history drop history_change_reason'],
    ['no history', 'drop table student_courseenrollment_history'],
    ['instants without a fraction', 'alter table student_courseenrollment modify created datetime null'],
    [
      'tables of another collation',
      `alter table course_overviews_courseoverview convert to character set utf8mb3 collate utf8mb3_general_ci;
      alter table student_courseenrollment_history convert to character set latin1; alter table student_courseenrollmentattribute convert to character set utf8mb3`,
    ],
  ])('%s is written to as well', async (_, statements) => {
    const { write, read } = await sample(`set sql_mode = ''; ${statements}`)
    const rows = [
      { ...ALICE, mode: 'audit' },
      { ...ALICE, courseId: 'course-v1:edX+New+R1', lmsId: null, historyId: historyIdOf('x') },
    ]
    expect(verdicts(await write(rows))).toEqual(['updated', 'inserted'])
    expect(verdicts(await write(rows))).toEqual(['unchanged', 'unchanged'])
    expect(
      await read(
        `select mode from student_courseenrollment where user_id = 5 and (id = 100 or course_id = 'course-v1:edX+New+R1') order by id`,
      ),
    ).toEqual([{ mode: 'audit' }, { mode: 'verified' }])
  })
})
