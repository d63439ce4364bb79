import { createCaller } from '../../routers/index.ts'
import { closedLoop, type Measurement } from '../load.ts'
import type { LoadProcess } from '../load-process.ts'
import type { BenchServer } from '../server.ts'
import { findDeepPage, PAGE_SIZE, type DeepPage } from './pages.ts'
import type { Population } from './population.ts'

/** One cost, looked at in databases of different sizes. */
export interface ScaleMeasure {
  readonly name: string
  /** What grows: the time per enrollment, or the median time of a page. */
  readonly kind: 'enrollment' | 'page'
  /** On a deep page: the measure of the first one. */
  readonly first?: string
  /** On a deep page: its number, which is less than 1 000 in a small table. */
  readonly page?: number
  /** One round of it. */
  run(): Promise<Measurement>
}

/** What is measured on one database. */
export interface Side {
  readonly population: Population
  readonly server: BenchServer
}

/** @param calls enrollments of a round; a page is read a fiftieth as often. */
export async function createScaleMeasures(
  { population, server }: Side,
  { load, calls }: { load: LoadProcess; calls: number },
): Promise<ScaleMeasure[]> {
  const { store, largeCourse } = population
  const { enrollment } = createCaller({ db: store.db, actor: { kind: 'service', name: 'bench' } })
  const authorization = `JWT ${await server.staffToken()}`
  const times = Math.ceil(calls / 50)

  const enrolling: ScaleMeasure[] = [
    {
      name: 'caller-64',
      kind: 'enrollment',
      run: async () => {
        const pairs = population.freePairs(calls)
        return closedLoop({ callers: 64, total: calls }, (index) =>
          enrollment.enroll(pairs[index] ?? { username: '', courseId: '' }),
        )
      },
    },
    {
      name: 'enroll-many-1000',
      kind: 'enrollment',
      run: async () => {
        const courseId = await population.newCourse()
        const usernames = population.usernames(calls)
        return closedLoop({ callers: 1, total: Math.floor(calls / 1000), rowsPerCall: 1000 }, (index) => {
          const batch = usernames.slice(index * 1000, (index + 1) * 1000)
          return enrollment.enrollMany({ items: batch.map((username) => ({ username, courseId })) })
        })
      },
    },
  ]
  const list: ScaleMeasure = {
    name: 'list',
    kind: 'page',
    run: async () => {
      const usernames = population.usernames(times)
      return closedLoop({ callers: 1, total: times }, (index) => enrollment.list({ username: usernames[index] ?? '' }))
    },
  }
  const search = (deep: DeepPage, courseId: string | null): ScaleMeasure[] => {
    const filter = { limit: PAGE_SIZE, ...(courseId !== null && { courseIds: [courseId] }) }
    const name = courseId === null ? 'search' : 'search-course'
    return firstAndDeep(name, deep.number, (isDeep) => {
      const input = { ...filter, ...(isDeep && { cursor: deep.searchCursor }) }
      return closedLoop({ callers: 1, total: times }, async () => {
        const { items } = await enrollment.search(input)
        if (items.length !== PAGE_SIZE) throw new Error(`${name}: a page of ${items.length}`)
      })
    })
  }
  const overHttp = (deep: DeepPage, courseId: string | null): ScaleMeasure[] => {
    const name = courseId === null ? 'rest-enrollments' : 'rest-enrollments-course'
    return firstAndDeep(name, deep.number, (isDeep) => {
      const query = new URLSearchParams({
        ...(courseId !== null && { course_id: courseId }),
        ...(isDeep && { cursor: deep.restCursor }),
      })
      return load.run({ door: 'pages', url: `${server.restUrl}/enrollments?${query.toString()}`, authorization, times })
    })
  }
  const [ofAll, ofCourse] = [await findDeepPage(population, null), await findDeepPage(population, largeCourse)]
  return [
    ...enrolling,
    list,
    ...search(ofAll, null),
    ...search(ofCourse, largeCourse),
    ...overHttp(ofAll, null),
    ...overHttp(ofCourse, largeCourse),
  ]
}

function firstAndDeep(
  name: string,
  page: number,
  run: (isDeep: boolean) => Promise<Measurement>,
): [ScaleMeasure, ScaleMeasure] {
  const first = `${name}-first`
  return [
    { name: first, kind: 'page', run: () => run(false) },
    { name: `${name}-deep`, kind: 'page', first, page, run: () => run(true) },
  ]
}
