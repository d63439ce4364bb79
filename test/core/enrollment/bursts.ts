import fc from 'fast-check'
import type { Caller } from '../../../routers/index.ts'

/** How many people and course runs there are. */
export const LEARNERS = 5
const COURSES = 4

type Procedures = Caller['enrollment']
type Rest<P extends 'enroll' | 'change'> = Omit<
  Parameters<Procedures[P]>[0],
  'username' | 'email' | 'userId' | 'courseId'
>
type EnrollRest = Rest<'enroll'> & { attributes?: { namespace: string; name: string; value: string }[] }

/** A call on paper: people and course runs by number. */
export type Ask = { readonly learner: number; readonly course: number } & (
  | { readonly procedure: 'enroll'; readonly rest: EnrollRest }
  | { readonly procedure: 'change'; readonly rest: Rest<'change'> }
)

/** Calls that one actor makes at once: each for itself, or those that enroll as one batch. */
export interface Burst {
  readonly actor: number
  readonly isBatch: boolean
  readonly asks: readonly Ask[]
  /** What passes before the next burst: nothing, turns of the event loop, or milliseconds. */
  readonly pause: { readonly turns: number } | { readonly milliseconds: number }
}

const rarely = (mode: string) =>
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom('audit', 'verified') }, { weight: 1, arbitrary: fc.constant(mode) })
const enrollRest: fc.Arbitrary<EnrollRest> = fc.record(
  {
    mode: rarely('masters'),
    whenEnrolled: fc.constantFrom('keep', 'update'),
    force: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const attribute = fc.record({
  namespace: fc.constant('n'),
  name: fc.constantFrom('a', 'b'),
  value: fc.nat(999).map(String),
})
// With attributes an inactive enrollment that stays as it is would be written without an event.
const activation: fc.Arbitrary<EnrollRest> = fc.oneof(
  fc.constant({}),
  fc.constant({}),
  fc.constant({ isActive: false }),
  fc.record({ attributes: fc.array(attribute, { maxLength: 2 }) }, { noNullPrototype: true }),
)
const changeRest: fc.Arbitrary<Rest<'change'>> = fc
  .record(
    {
      mode: rarely('honor'),
      isActive: fc.boolean(),
      expectedVersion: fc.oneof(fc.constant(undefined), fc.constant(undefined), fc.integer({ min: 1, max: 4 })),
      allowExpiredMode: fc.boolean(),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .map((rest) => (rest.mode === undefined && rest.isActive === undefined ? { ...rest, isActive: false } : rest))

// The capped course runs are asked for most.
const pair = { learner: fc.nat(LEARNERS - 1), course: fc.oneof(fc.constantFrom(1, 1, 2), fc.nat(COURSES - 1)) }
const ask: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      ...pair,
      procedure: fc.constant('enroll' as const),
      rest: fc.tuple(enrollRest, activation).map(([rest, more]) => ({ ...rest, ...more })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...pair, procedure: fc.constant('change' as const), rest: changeRest }) },
)

/** Bursts of any size, so that the rounds have any size. */
export const anyBursts: fc.Arbitrary<Burst[]> = fc.array(
  fc.record({
    actor: fc.nat(2),
    isBatch: fc.integer({ min: 0, max: 4 }).map((number) => number === 0),
    asks: fc.oneof(
      fc.array(ask, { minLength: 1, maxLength: 3 }),
      fc.array(ask, { minLength: 5, maxLength: 40, size: 'max' }),
    ),
    pause: fc.oneof(fc.record({ turns: fc.nat(3) }), fc.record({ milliseconds: fc.integer({ min: 1, max: 4 }) })),
  }),
  { minLength: 2, maxLength: 8, size: 'max' },
)
