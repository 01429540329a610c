// ContainerRunner
