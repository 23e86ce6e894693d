"""What the tasks that find objects share: detection, instance segmentation and pose."""
