import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

/** A receiver of webhooks: it verifies, removes duplicates, and knows from where to catch up (docs/webhooks.md). */
const { WEBHOOK_SECRET = '', PORT = '9000', SEEN_FILE = 'seen.txt' } = process.env
const webhook = new Webhook(WEBHOOK_SECRET)
// Here a file; in your system a table, written in the transaction of what a message brings.
const lines = existsSync(SEEN_FILE) ? readFileSync(SEEN_FILE, 'utf8').trim().split('\n') : []
const seen = new Set(lines.map((line) => line.split(' ')[0]))
console.log(`To catch up: webhook replay <id> --after ${lines.at(-1)?.split(' ')[1] ?? '0-0'}`)

const server = createServer((request, response) => void receive(request, response))
server.listen(Number(PORT), '127.0.0.1')

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { type, data } = webhook.verify(await text(request), request.headers as Record<string, string>) as Message
    const id = String(request.headers['webhook-id'])
    if (!seen.has(id) && type !== 'webhook.test') {
      console.log(`${type}: ${data.username} in ${data.courseId}, version ${data.version}`)
      appendFileSync(SEEN_FILE, `${id} ${data.cursor}\n`)
      seen.add(id)
    }
    response.writeHead(204).end()
  } catch {
    response.writeHead(400).end('not verified')
  }
}

type Message = { type: string; data: { cursor: string; username: string; courseId: string; version: number } }
