import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import redis

from jobs.wire import job_channel
from tests.gateway.gateway_process import Gateway


def start_waiting(
    beside: ThreadPoolExecutor, gateway: Gateway, client: httpx.Client, job_id: str, wait: int
) -> Future[httpx.Response]:
    """A waiting read that the gateway has begun to listen for."""
    found = beside.submit(client.get, f"/api/v1/jobs/{job_id}", params={"wait": wait})
    channel = job_channel(job_id)
    with redis.Redis.from_url(gateway.redis) as line:
        while not dict(line.pubsub_numsub(channel))[channel.encode()]:
            time.sleep(0.005)
    return found
