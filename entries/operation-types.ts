import type { Caller } from '../routers/index.ts'

// What goes into each operation and what comes out, by name. Taken from the table of operations: nothing is said twice.

type Enrollments = Caller['enrollment']
type Courses = Caller['course']
type Events = Caller['events']
type Webhooks = Caller['webhooks']

type InputOf<F extends (input: never) => unknown> = Parameters<F>[0]
type OutputOf<F extends (input: never) => Promise<unknown>> = Awaited<ReturnType<F>>

export type EnrollInput = InputOf<Enrollments['enroll']>
export type EnrollManyInput = InputOf<Enrollments['enrollMany']>
export type ChangeInput = InputOf<Enrollments['change']>
/** An item of `enrollment.changeMany`. */
export type ChangeItem = ChangeManyInput['items'][number]
export type ChangeManyInput = InputOf<Enrollments['changeMany']>
export type UnenrollAllInput = InputOf<Enrollments['unenrollAll']>
export type UnenrollAllAnswer = OutputOf<Enrollments['unenrollAll']>
export type GetEnrollmentInput = InputOf<Enrollments['get']>
export type GetEnrollmentsInput = InputOf<Enrollments['getMany']>
export type ListEnrollmentsInput = InputOf<Enrollments['list']>
export type SearchInput = InputOf<Enrollments['search']>

export type HistoryInput = InputOf<Enrollments['history']>
export type GetCourseInput = InputOf<Courses['get']>
export type GetCoursesInput = InputOf<Courses['getMany']>
export type ListEventsInput = InputOf<Events['list']>
export type WatchEventsInput = InputOf<Events['watch']>
export type EventPage = OutputOf<Events['list']>
export type CreateWebhookInput = InputOf<Webhooks['create']>
export type UpdateWebhookInput = InputOf<Webhooks['update']>
export type ReplayWebhookInput = InputOf<Webhooks['replay']>
export type WebhookPage = OutputOf<Webhooks['list']>
export type WebhookDeliveryPage = OutputOf<Webhooks['deliveries']>
