"""Worker versioning: which build of the code does a workflow's tasks (docs/upgrades.md)."""

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from infra.settings import Settings


def deployment(settings: Settings, behavior: VersioningBehavior) -> WorkerDeploymentConfig | None:
    """The version of a worker whose workflows have this behavior; None if the settings name no version."""
    if settings.worker_deployment is None or settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=behavior,
    )
