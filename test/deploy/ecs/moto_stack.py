"""Creates a CloudFormation stack on moto, a stand-in for AWS, and prints as JSON what AWS's interfaces say of it.

usage: moto_stack.py TEMPLATE STACK_NAME '{"parameter": "value"}'

The VPC and its subnets are moto's own; CertificateArn is given as a domain and becomes the certificate of it, and
PrometheusSecurityGroupId as the name of a group that is made.

moto makes only some types of resources from a template, and of some only a part. Those are made here with the
properties of the template, resolved, by calls to the same services: boto3 refuses whatever their interface does not
know, and moto whatever does not exist.
"""

import base64
import json
import logging
import os
import sys
import warnings

import boto3
from cfnlint.decode.cfn_yaml import load
from moto import mock_aws
from template import Template

REGION = "eu-west-1"
FAMILY = "oneslot"


def main(template_file, stack_name, given):
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION=REGION)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with mock_aws():
        parameters = {**network(), **with_security_group(with_certificate(json.loads(given)))}
        stack = create_stack(template_file, stack_name, parameters)
        body = json.loads(json.dumps(load(template_file)))
        template = Template(body, parameters, REGION, stack_name, attribute)
        template.physical.update(physical_ids(stack_name))
        missing = {
            name: resource["Type"]
            for name, resource in body["Resources"].items()
            if template.is_made(name) and name not in template.physical
        }
        complete(template)
        about = {**stack, "parameters": body["Parameters"], "notMadeByMoto": missing}
        print(json.dumps({**about, **seen(template)}, default=str))


def network():
    """The VPC and the subnets that every account has."""
    ec2 = boto3.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    return {"VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"], "SubnetIds": ",".join(subnets)}


def with_certificate(given):
    if "CertificateArn" not in given:
        return given
    answer = boto3.client("acm").request_certificate(DomainName=given["CertificateArn"])
    return {**given, "CertificateArn": answer["CertificateArn"]}


def with_security_group(given):
    if "PrometheusSecurityGroupId" not in given:
        return given
    answer = boto3.client("ec2").create_security_group(
        GroupName=given["PrometheusSecurityGroupId"], Description="Prometheus", VpcId=network()["VpcId"]
    )
    return {**given, "PrometheusSecurityGroupId": answer["GroupId"]}


def create_stack(template_file, stack_name, parameters):
    cloudformation = boto3.client("cloudformation")
    with open(template_file, encoding="utf-8") as file:
        cloudformation.create_stack(
            StackName=stack_name,
            TemplateBody=file.read(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {"status": stack["StackStatus"], "outputs": outputs}


def physical_ids(stack_name):
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=stack_name)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if "LogicalResourceId" in resource and "PhysicalResourceId" in resource
    }


def attribute(physical_id, name):
    if name == "Arn":
        return boto3.client("iam").get_role(RoleName=physical_id)["Role"]["Arn"]
    return physical_id.split("/")[-1] if name == "Name" else physical_id


def complete(template):
    """Makes what moto left out."""
    balance(template)
    allow(template)
    if template.is_made("DiscoveryService"):
        discover(template)
    ecs = boto3.client("ecs")
    physical = template.physical
    provider = camel_cased(template.properties("CapacityProvider"))
    physical["CapacityProvider"] = ecs.create_capacity_provider(name="made-here", **provider)["capacityProvider"]["name"]
    ecs.put_cluster_capacity_providers(**camel_cased(template.properties("CapacityProviderAssociation")))
    task = camel_cased(template.properties("TaskDefinition"))
    physical["TaskDefinition"] = ecs.register_task_definition(family=FAMILY, **task)["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(serviceName="made-here", desiredCount=1, **service_of(template))
    scale(template)
    for name in ("RefusalsAlarm", "FailuresAlarm", "SilenceAlarm"):
        if template.is_made(name):
            boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, **template.properties(name))


def balance(template):
    elb = boto3.client("elbv2")
    balancer, group = template.properties("LoadBalancer"), template.properties("TargetGroup")
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=template.physical["LoadBalancer"], Attributes=balancer["LoadBalancerAttributes"]
    )
    elb.modify_target_group_attributes(
        TargetGroupArn=template.physical["TargetGroup"], Attributes=group["TargetGroupAttributes"]
    )


def allow(template):
    for policy in template.properties("TaskRole")["Policies"]:
        boto3.client("iam").put_role_policy(
            RoleName=template.physical["TaskRole"],
            PolicyName=policy["PolicyName"],
            PolicyDocument=json.dumps(policy["PolicyDocument"]),
        )


def discover(template):
    discovery = boto3.client("servicediscovery")
    discovery.create_private_dns_namespace(**template.properties("Namespace"))
    template.physical["Namespace"] = discovery.list_namespaces()["Namespaces"][0]["Id"]
    properties = template.properties("DiscoveryService")
    for record in properties["DnsConfig"]["DnsRecords"]:
        # CloudFormation takes text, the service a number.
        record["TTL"] = int(record["TTL"])
    template.physical["DiscoveryService"] = discovery.create_service(**properties)["Service"]["Id"]


def service_of(template):
    service = camel_cased(template.properties("Service"))
    # The one name that CloudFormation has and ECS has not.
    service["placementStrategy"] = service.pop("placementStrategies")
    return service


def scale(template):
    scaling = boto3.client("application-autoscaling")
    target = template.properties("ScalableTarget")
    scaling.register_scalable_target(**target)
    template.physical["ScalableTarget"] = target["ResourceId"]
    for name in ("BacklogPolicy", "BusyPolicy"):
        policy = template.properties(name)
        resource_id = policy.pop("ScalingTargetId")
        scaling.put_scaling_policy(
            ServiceNamespace="ecs", ScalableDimension="ecs:service:DesiredCount", ResourceId=resource_id, **policy
        )


def camel_cased(value):
    """ECS itself writes the first letter small."""
    if isinstance(value, list):
        return [camel_cased(item) for item in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: camel_cased(item) for key, item in value.items()}
    return value


def seen(template):
    """What the services say."""
    physical = template.physical
    ecs = boto3.client("ecs")
    scaling = boto3.client("application-autoscaling")
    return {
        **instances(physical),
        **balancing(physical),
        "capacityProvider": ecs.describe_capacity_providers(capacityProviders=["made-here"])["capacityProviders"][0],
        "cluster": ecs.describe_clusters(clusters=[physical["Cluster"]])["clusters"][0],
        "taskDefinition": ecs.describe_task_definition(taskDefinition=FAMILY)["taskDefinition"],
        "service": ecs.describe_services(cluster=physical["Cluster"], services=["made-here"])["services"][0],
        "serviceAsked": service_of(template),
        "taskRolePolicies": role_policies(physical["TaskRole"]),
        "logGroups": boto3.client("logs").describe_log_groups()["logGroups"],
        "scalableTargets": scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"],
        "scalingPolicies": scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"],
        "discovered": discovered(),
        "alarms": boto3.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "physical": physical,
    }


def discovered():
    discovery = boto3.client("servicediscovery")
    return {
        "namespaces": discovery.list_namespaces()["Namespaces"],
        "services": [
            discovery.get_service(Id=service["Id"])["Service"] for service in discovery.list_services()["Services"]
        ],
    }


def instances(physical):
    versions = boto3.client("ec2").describe_launch_template_versions(LaunchTemplateId=physical["LaunchTemplate"])
    template = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    groups = boto3.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[physical["AutoScalingGroup"]]
    )
    return {
        "launchTemplate": template,
        "userData": base64.b64decode(template["UserData"]).decode(),
        "autoScalingGroup": groups["AutoScalingGroups"][0],
    }


def balancing(physical):
    elb = boto3.client("elbv2")
    balancer, group = physical["LoadBalancer"], physical["TargetGroup"]
    return {
        "loadBalancer": elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0],
        "loadBalancerAttributes": pairs(elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)),
        "targetGroup": elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0],
        "targetGroupAttributes": pairs(elb.describe_target_group_attributes(TargetGroupArn=group)),
        "listeners": elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"],
        "rules": elb.describe_rules(ListenerArn=physical["Listener"])["Rules"],
        "securityGroups": {
            name: boto3.client("ec2").describe_security_groups(GroupIds=[physical[name]])["SecurityGroups"][0]
            for name in ("LoadBalancerSecurityGroup", "TaskSecurityGroup", "InstanceSecurityGroup")
        },
    }


def pairs(answer):
    return {attribute["Key"]: attribute["Value"] for attribute in answer["Attributes"]}


def role_policies(role):
    iam = boto3.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]


main(*sys.argv[1:])
