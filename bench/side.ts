import { answerParent } from './child.ts'
import type { Measurement } from './load.ts'
import { allMeasures } from './measures/all.ts'
import type { Facts, Measure, MeasureDescription } from './measures/measure.ts'
import { openRig } from './measures/rig.ts'
import { createStore } from './postgres.ts'
import { openProcessorClock, type ProcessorClock } from './processor-time.ts'
import { fillWorld } from './world.ts'

// One checkout of the service, in a process of its own with a database of its own: what is measured.

/** What a side is asked: first to open. */
export type SideQuestion =
  | { readonly ask: 'open'; readonly server: string; readonly database: string; readonly learners: number }
  | { readonly ask: 'run'; readonly measure: string; readonly total: number }
  | { readonly ask: 'facts'; readonly measure: string }

/** One for each kind of question, in their order. */
export type SideAnswer = MeasureDescription[] | Measurement | Facts

const stack = new AsyncDisposableStack()
const measures = new Map<string, Measure>()
let clock: ProcessorClock = (work) => work()

answerParent(
  async (question: SideQuestion): Promise<SideAnswer> => {
    if (question.ask === 'open') return open(question)
    const measure = measures.get(question.measure)
    if (measure === undefined) throw new RangeError(`No measure is called ${question.measure}`)
    if (question.ask === 'facts') return (await measure.facts?.()) ?? {}
    return clock(await measure.prepare(question.total))
  },
  () => stack.disposeAsync(),
)

async function open(question: Extract<SideQuestion, { ask: 'open' }>): Promise<MeasureDescription[]> {
  const store = stack.use(await createStore(question.server, question.database))
  const rig = stack.use(await openRig(await fillWorld(store, question)))
  clock = await openProcessorClock(store.pool)
  for (const measure of allMeasures(rig)) measures.set(measure.name, measure)
  // Its functions stay behind on the way to another process.
  return [...measures.values()]
}
