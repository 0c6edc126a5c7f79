// Express + BullMQ: verifies a delivery, adds it to a queue, answers 200 when Redis has it.

import cluster from 'node:cluster'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Queue } from 'bullmq'
import express from 'express'
import { Redis } from 'ioredis'

const { PORT, REDIS_PORT, APP_SECRET, PROCESSES = '1' } = process.env

if (cluster.isPrimary && Number(PROCESSES) > 1) {
  for (let i = 0; i < Number(PROCESSES); i++) cluster.fork()
  cluster.on('exit', () => process.exit(1))
} else {
  await serve()
}

async function serve() {
  const connection = new Redis({
    host: '127.0.0.1',
    port: Number(REDIS_PORT),
    // Commands of one turn of the event loop leave together: here that is faster, with Fastify it is not.
    enableAutoPipelining: true,
    maxRetriesPerRequest: 1,
  })
  const queue = new Queue('instagram', { connection })
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')

  app.get('/healthz', (request, response) => response.send('ok'))

  // The signature is over the bytes as they came, so nothing may parse them before.
  const raw = express.raw({ type: 'application/json', limit: '4mb' })
  app.post('/webhooks/instagram', raw, async (request, response) => {
    if (!isSigned(request.body, request.headers['x-hub-signature-256'])) {
      return response.status(401).end()
    }
    await queue.add('delivery', { body: request.body.toString('utf8') })
    response.status(200).end()
  })

  await queue.waitUntilReady()
  app.listen(Number(PORT), '127.0.0.1')
}

function isSigned(body, header) {
  if (!Buffer.isBuffer(body) || typeof header !== 'string') return false
  const expected = Buffer.from('sha256=' + createHmac('sha256', APP_SECRET).update(body).digest('hex'))
  const given = Buffer.from(header)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
