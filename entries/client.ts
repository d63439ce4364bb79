/// <reference types="node" preserve="true" />
// enrollment-service/client: the typed API of a running server, from another process.
export {
  createClient,
  type Client,
  type ClientCallOptions,
  type ClientOf,
  type ClientOptions,
  type ClientSubscription,
  type SubscriptionError,
  type SubscriptionHandlers,
} from '../routers/client.ts'
export type { AppRouter, Tracked } from '../routers/index.ts'
export type { ErrorShape } from '../routers/trpc.ts'
