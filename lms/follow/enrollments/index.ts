import type { Kysely } from 'kysely'
import type { LmsDB } from '../../database/schema.ts'
import { ENROLLMENTS } from '../../import/enrollments/lms-enrollment.ts'
import type { LmsSource } from '../../source/source.ts'
import type { LmsConnection } from '../connection.ts'
import { changesOf, haveLooked } from '../follow-table.ts'
import { paceOf } from '../pace.ts'
import { rowsOfAge } from '../rows-aside.ts'
import { moveStream, noteLook, openStream } from '../stream-row.ts'
import { LOOK_MS, type Stream } from '../stream-step.ts'
import type { StreamName } from '../streams.ts'
import { applyAndMove, NotMine } from './apply.ts'
import { historyWindow } from './history-window.ts'
import { newIds } from './new-ids.ts'
import { positionIn, type EnrollmentPosition } from './position.ts'
import { remarksOnHistory } from './remark.ts'

export interface EnrollmentStreamContext {
  readonly db: Kysely<LmsDB>
  readonly connection: LmsConnection
  /** Brings all enrollments here, where none was brought before. */
  readonly importAll: () => Promise<void>
  /** Is told of rows that have no place here. */
  readonly onWaiting: (rows: readonly { readonly id: number; readonly why: string }[]) => void
}

/**
 * Follows the enrollments of course runs that the LMS owns (adoption.md §4, lms.md D.2): what its history and its ids say has
 * changed is read as it is now, and applied. Rows whose account or course run is not here yet are tried again when they come.
 */
export function enrollmentStream(context: EnrollmentStreamContext): Stream {
  const { db, connection } = context
  const pace = paceOf(LOOK_MS)
  const history = historyWindow()
  const ids = newIds()
  const waiting = waitingRows(context)
  const remarkOn = remarksOnHistory()
  let costMs = 0

  const follow = async (source: LmsSource, place: EnrollmentPosition, goesOn: () => boolean): Promise<boolean> => {
    const apply = async (found: readonly number[], to: Partial<EnrollmentPosition>) => {
      if (found.length === 0 && !moves(place, to)) return
      const outcome = await applyAndMove({ db, source }, found, to)
      context.onWaiting(outcome.waiting)
    }
    costMs = 0
    let asked = performance.now()
    const fresh = await ids.read(source, place.floorId)
    costMs += performance.now() - asked
    await apply(fresh.ids, { floorId: fresh.floorId })
    fresh.forget()
    asked = performance.now()
    for await (const page of history.pages(source, place.history)) {
      costMs += performance.now() - asked
      await apply(page.ids, { history: page.upTo })
      page.forget()
      if (!goesOn()) return false
      asked = performance.now()
    }
    costMs += performance.now() - asked
    pace.looked(costMs)
    return !fresh.isLast
  }

  return {
    name: 'enrollments',
    pace,
    async look(signal, isMine) {
      const began = performance.now()
      const place = positionIn((await openStream(db, 'enrollments')).position) ?? (await begin(context))
      if (place === null) return false
      const goesOn = () => !signal.aborted && isMine()
      try {
        return await connection.run(async (source) => {
          const isMore = await follow(source, place, goesOn)
          if (!goesOn() || isMore) return isMore
          await waiting.tryAgain(source)
          await noteLook(db, 'enrollments', {
            tookMs: performance.now() - began,
            remark: await remarkOn(source, costMs),
          })
          return false
        })
      } catch (error) {
        // Whoever has it now goes on where the database says.
        if (error instanceof NotMine) return false
        throw error
      }
    },
  }
}

function moves(place: EnrollmentPosition, to: Partial<EnrollmentPosition>): boolean {
  return (to.history ?? place.history) > place.history || (to.floorId ?? place.floorId) > place.floorId
}

const REFERENCES: readonly StreamName[] = ['accounts', 'course-runs']

/**
 * Where following begins: now. What was before that, the first comparison finds; where nothing was imported at all, everything
 * is. Null: accounts and course runs come first.
 */
async function begin({ db, connection, importAll }: EnrollmentStreamContext): Promise<EnrollmentPosition | null> {
  if (!(await haveLooked(db, REFERENCES))) return null
  const position = await connection.run(presentPlace)
  if (await isImportDue(db)) {
    await moveStream(db, 'enrollments', { position: IMPORTING })
    await importAll()
  }
  await moveStream(db, 'enrollments', { position })
  return position
}

/** The place of a stream whose enrollments are being imported: an import that was ended is begun again. */
const IMPORTING = { isImporting: true }

async function isImportDue(db: Kysely<LmsDB>): Promise<boolean> {
  const { position } = await openStream(db, 'enrollments')
  if (position !== null) return true
  const brought = await db.selectFrom('enrollment_lms_ids').select('enrollment_id').limit(1).executeTakeFirst()
  return brought === undefined
}

async function presentPlace(source: LmsSource): Promise<EnrollmentPosition> {
  const [now] = await source.query<{ now: string }>('select utc_timestamp(6) as now')
  const isThere = (await source.columns(ENROLLMENTS)).size > 0
  const [last] = isThere ? await source.query<{ id: number | null }>(`select max(id) as id from ${ENROLLMENTS}`) : []
  return { history: now?.now ?? '', floorId: last?.id ?? 0, applied: 0 }
}

/** Milliseconds after which rows are tried again although nothing has come that they may wait for. */
const TRY_AGAIN_MS = 60_000

/** Rows that are tried again at a time. */
const PAGE_SIZE = 500

/** Tries rows again that were kept aside, when accounts or course runs have come. */
function waitingRows({ db }: EnrollmentStreamContext) {
  let tried = { references: '', at: -Infinity }
  return {
    async tryAgain(source: LmsSource) {
      const references = await whatIsHere(db)
      if (references === tried.references && performance.now() - tried.at < TRY_AGAIN_MS) return
      let keys: string[] = []
      do {
        keys = await rowsOfAge(db, [ENROLLMENTS], PAGE_SIZE, keys.at(-1))
        if (keys.length > 0) await applyAndMove({ db, source, isTriedAgain: true }, keys.map(Number), {})
      } while (keys.length === PAGE_SIZE)
      tried = { references, at: performance.now() }
    },
  }
}

/** Changes where accounts or course runs have come, in whatever way. */
async function whatIsHere(db: Kysely<LmsDB>): Promise<string> {
  const learners = await db
    .selectFrom('learners')
    .select(({ fn }) => fn.max('id').as('last'))
    .executeTakeFirst()
  const courses = await db
    .selectFrom('courses')
    .select(({ fn }) => fn.max('id').as('last'))
    .executeTakeFirst()
  return `${learners?.last} ${courses?.last} ${await changesOf(db, REFERENCES)}`
}
