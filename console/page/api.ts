import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink, TRPCClientError } from '@trpc/client'
import type { inferRouterOutputs } from '@trpc/server'
import type { ConsoleRouter } from '../reads/operations.ts'

/** The typed API, as this page may call it: by the cookie of its session. */
export const api = createTRPCClient<ConsoleRouter>({
  links: [
    splitLink({
      condition: ({ type }) => type === 'subscription',
      true: httpSubscriptionLink({ url: '/trpc' }),
      // Names and addresses travel in bodies: nothing of them is in the logs of a proxy.
      false: httpBatchLink({ url: '/trpc', methodOverride: 'POST', maxItems: 20 }),
    }),
  ],
})

export type Outputs = inferRouterOutputs<ConsoleRouter>

/** Whether an error says that nobody is signed in, or no longer. */
export function isSignedOut(error: unknown): boolean {
  return codeOf(error) === 'UNAUTHORIZED'
}

/** The code of an error of the typed API; undefined: it is none. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof TRPCClientError)) return undefined
  const data: unknown = error.data
  return typeof data === 'object' && data !== null && 'code' in data ? String(data.code) : undefined
}

/** Whether the server was away, or could not answer for the moment: asking again helps. */
export function isAway(error: unknown): boolean {
  return isUnreachable(error) || codeOf(error) === 'SERVICE_UNAVAILABLE'
}

function isUnreachable(error: unknown): boolean {
  // What `fetch` throws where there is no connection; what is no answer of the typed API is that of a proxy before it.
  return error instanceof TypeError || (error instanceof TRPCClientError && error.data === undefined)
}

/** An error in words for a person. */
export function wordsOf(error: unknown): string {
  if (isUnreachable(error)) return 'The server cannot be reached.'
  if (codeOf(error) === 'BAD_REQUEST' && (error as Error).message.startsWith('[')) {
    return 'The server does not take this input.'
  }
  return error instanceof Error ? error.message : String(error)
}

/** The name of who is signed in; null: nobody. */
export async function whoIsSignedIn(): Promise<string | null> {
  const answer = await fetch('/console/session')
  return answer.status === 401 ? null : nameIn(answer)
}

/** @returns the name of the token's owner; null: the token is wrong. */
export async function signIn(token: string): Promise<string | null> {
  const answer = await fetch('/console/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  return answer.status === 401 || answer.status === 400 ? null : nameIn(answer)
}

export async function signOut(): Promise<void> {
  await fetch('/console/session', { method: 'DELETE' })
}

async function nameIn(answer: Response): Promise<string> {
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`)
  const { name } = (await answer.json()) as { name: string } // What server/console/routes.ts sends.
  return name
}
