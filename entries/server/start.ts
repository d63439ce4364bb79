import type { Policy } from '../../routers/index.ts'
import { readServerConfig } from '../../server/config.ts'
import type { Addresses } from '../../server/listeners.ts'
import { startServer as start } from '../../server/start.ts'

export type ServerSettings = Readonly<Record<string, string | number | undefined>>

export interface StartServerOptions {
  readonly policy?: Partial<Policy> | undefined
}

export type ServerInProcess = Addresses & AsyncDisposable & { close(): Promise<void> }

export async function startServer(
  settings: ServerSettings,
  { policy }: StartServerOptions = {},
): Promise<ServerInProcess> {
  const env = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, value === undefined ? undefined : String(value)]),
  )
  const config = readServerConfig(env)
  const running = await start({ ...config, policy: { ...config.policy, ...policy } }, process.stdout)
  let closed: Promise<void> | undefined
  const close = () => (closed ??= Promise.resolve(running[Symbol.asyncDispose]()))
  return { ...running.addresses, close, [Symbol.asyncDispose]: close }
}
