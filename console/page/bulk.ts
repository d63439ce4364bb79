import type { inferRouterInputs } from '@trpc/server'
import type { ConsoleRouter } from '../reads/operations.ts'
import { api, type Outputs } from './api.ts'

/** Bulk jobs (bulk §1). */
export const bulk = api.bulk

export type Job = Outputs['bulk']['get']
export type JobState = Job['state']
export type JobAction = Job['action']
export type JobLine = Outputs['bulk']['results']['items'][number]
export type LinesInput = Inputs['results']
type Inputs = inferRouterInputs<ConsoleRouter>['bulk']

/** What a job is started with. */
export type StartInput = Inputs['start']

/** Puts a file or a text up before a job reads it. */
export async function upload(content: Blob): Promise<string> {
  const answer = await fetch('/bulk/uploads', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: content,
  })
  if (!answer.ok) throw new Error(`The file was not taken: the server answered ${answer.status}.`)
  const { uploadId } = (await answer.json()) as { uploadId: string } // bulk §1
  return uploadId
}

export const SUCCESSES = ['created', 'reactivated', 'modeChanged', 'deactivated', 'unchanged']

export function failuresIn(counts: Record<string, number>): number {
  return Object.entries(counts).reduce((sum, [name, count]) => (SUCCESSES.includes(name) ? sum : sum + count), 0)
}

export function hasEnded({ state }: Pick<Job, 'state'>): boolean {
  return state !== 'queued' && state !== 'running'
}
