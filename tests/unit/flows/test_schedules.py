"""Prefect's server turns a schedule into runs, with the pinned SQLAlchemy. With 2.1 it raises instead."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # the server's database takes a hundred migrations

SCHEDULE = """
import asyncio
from datetime import timedelta
from prefect.server import models, schemas
from prefect.server.database import provide_database_interface

async def main():
    database = provide_database_interface()
    await database.create_db()
    interval = schemas.schedules.IntervalSchedule(interval=timedelta(days=1))
    schedule = schemas.core.DeploymentSchedule(schedule=interval, active=True)
    async with database.session_context(begin_transaction=True) as session:
        flow = await models.flows.create_flow(session, schemas.core.Flow(name="a-flow"))
        deployment = schemas.core.Deployment(name="daily", flow_id=flow.id, schedules=[schedule])
        made = await models.deployments.create_deployment(session, deployment)
        print(len(await models.deployments.schedule_runs(session, deployment_id=made.id, min_runs=3)))

asyncio.run(main())
"""


def test_a_schedule_becomes_runs(tmp_path):
    variables = {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path}/prefect.db",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULE], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr[-2000:]
