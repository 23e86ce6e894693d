"""What runs inside the OpenMMLab environment: torch and the mm packages are imported here and nowhere else."""
