import { type Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'
import { findAmong, type CourseRun, type FindCourseRun } from '../import/enrollments/course-runs.ts'
import { foldKey } from '../source/fold-key.ts'
import type { LmsSource } from '../source/source.ts'
import type { Difference } from './difference.ts'
import { compareRows, type RunToCompare } from './rows.ts'
import { addSums, isEqual, sumsHere, sumsThere, type Sums } from './sums.ts'

/** How a course run differs, by number of pairs. */
export interface RunDifferences {
  /** As it is written here; as there, where it is not here. */
  readonly courseId: string
  readonly onlyThere: number
  readonly onlyHere: number
  readonly different: number
  /** Rows of the LMS that were left aside when they were imported: no differences. */
  readonly aside: number
}

export interface Comparison {
  /** Course runs that either side has enrollments of. */
  readonly runs: number
  /** Enrollments of the LMS, and here. */
  readonly enrollmentsThere: number
  readonly enrollmentsHere: number
  /** The sums of {@link runsDiffering}, and rows aside of all runs. */
  readonly onlyThere: number
  readonly onlyHere: number
  readonly different: number
  readonly aside: number
  /** Course runs that do not agree, by key. */
  readonly runsDiffering: readonly RunDifferences[]
}

export interface CompareOptions {
  /** Told of each pair that differs; nothing of them is kept. */
  readonly onDifference?: ((difference: Difference) => void) | undefined
}

/**
 * Compares the enrollments of both sides (adoption.md §2): counts and sums of each course run first, then row by row where they
 * differ. What is here is read as it is at one instant, unless `db` is a transaction.
 *
 * @param courseKeys of course runs in any spelling; `all`: every run that either side has.
 */
export async function compareCourseRuns(
  db: Kysely<LmsDB>,
  source: LmsSource,
  courseKeys: readonly string[] | 'all',
  options: CompareOptions = {},
): Promise<Comparison> {
  if (db.isTransaction) return compareIn(db, source, courseKeys, options)
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((trx) => compareIn(trx, source, courseKeys, options))
}

async function compareIn(
  db: Kysely<LmsDB>,
  source: LmsSource,
  courseKeys: readonly string[] | 'all',
  { onDifference }: CompareOptions,
): Promise<Comparison> {
  const known = await db.selectFrom('courses').select(['id', 'course_key as courseKey']).orderBy('id').execute()
  const find = findAmong(known)
  const wanted = courseKeys === 'all' ? null : wantedKeys(courseKeys, find)
  // Two servers, which add up at the same time.
  const [here, there] = await Promise.all([sumsHere(db, wanted), sumsThere(source, wanted)])
  const runs = pairUp(here, there, find, wanted)
  const compared: RunDifferences[] = []
  for (const { run, sumHere, sumThere } of runs) {
    if (!isEqual(sumHere, sumThere)) compared.push(await compareRun(db, source, run, onDifference))
  }
  return comparisonOf(runs, compared)
}

/** The keys as they are here, and as they were given where they are not. */
function wantedKeys(keys: readonly string[], find: FindCourseRun): string[] {
  return [...new Set(keys.map((key) => find(key)?.courseKey ?? key))]
}

interface Pair {
  readonly run: RunToCompare
  readonly sumHere: Sums
  readonly sumThere: Sums
}

/** Brings together what is one course run. */
function pairUp(
  here: ReadonlyMap<string, Sums>,
  there: ReadonlyMap<string, Sums>,
  find: FindCourseRun,
  wanted: readonly string[] | null,
): Pair[] {
  const isWanted = wanted === null ? null : new Set(wanted.map(foldKey))
  const groups = new Map<string, { run: CourseRun | undefined; key: string; texts: string[]; sums: Sums[] }>()
  const groupOf = (text: string) => {
    const run = find(text)
    const key = run?.courseKey ?? foldKey(text)
    const group = groups.get(key) ?? { run, key: run?.courseKey ?? text, texts: [], sums: [] }
    groups.set(key, group)
    return group
  }
  for (const [text, sum] of there) {
    const group = groupOf(text)
    group.texts.push(text)
    group.sums.push(sum)
  }
  for (const key of here.keys()) groupOf(key)
  return [...groups.values()]
    .filter(({ key }) => isWanted === null || isWanted.has(foldKey(key)))
    .map(({ run, key, texts, sums }) => ({
      run: {
        courseKey: key,
        courseId: run?.id ?? null,
        texts,
        isMeant: (text: string) => (run === undefined ? foldKey(text) === foldKey(key) : find(text)?.id === run.id),
      },
      sumHere: here.get(key) ?? addSums([]),
      sumThere: addSums(sums),
    }))
    .toSorted((a, b) => Number(a.run.courseKey > b.run.courseKey) - Number(a.run.courseKey < b.run.courseKey))
}

async function compareRun(
  db: Kysely<LmsDB>,
  source: LmsSource,
  run: RunToCompare,
  onDifference: CompareOptions['onDifference'],
): Promise<RunDifferences> {
  const counts = { onlyThere: 0, onlyHere: 0, different: 0, aside: 0 }
  for await (const found of compareRows(db, source, run)) {
    if (found === 'aside') {
      counts.aside += 1
      continue
    }
    counts[found.is] += 1
    onDifference?.(found)
  }
  return { courseId: run.courseKey, ...counts }
}

function comparisonOf(runs: readonly Pair[], compared: readonly RunDifferences[]): Comparison {
  const sum = (key: 'onlyThere' | 'onlyHere' | 'different' | 'aside') =>
    compared.reduce((total, run) => total + run[key], 0)
  return {
    runs: runs.length,
    enrollmentsThere: runs.reduce((total, { sumThere }) => total + sumThere.count, 0),
    enrollmentsHere: runs.reduce((total, { sumHere }) => total + sumHere.count, 0),
    onlyThere: sum('onlyThere'),
    onlyHere: sum('onlyHere'),
    different: sum('different'),
    aside: sum('aside'),
    runsDiffering: compared.filter((run) => differencesOf(run) > 0),
  }
}

/** How many pairs differ. */
export function differencesOf({ onlyThere, onlyHere, different }: Omit<RunDifferences, 'courseId' | 'aside'>): number {
  return onlyThere + onlyHere + different
}
